/*
 * What the arguments of the iscsi provider's probes point to, for D on 64-bit systems.
 * Generated from iscsi.yaml; UPDATE_EXPECT=1 cargo test -p conformance --test probe_docs writes it.
 *
* A probe's argument is the address of a struct in the server's memory, so it is copied in member by member:
*   xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_target
 */

typedef struct lab_conninfo_addr {
	uint64_t ci_local;
	uint64_t ci_remote;
	uint64_t ci_protocol;
} lab_conninfo_addr_t;

typedef struct lab_conninfo {
	string ci_local; /* the target's address, numeric, without port or brackets; v4-mapped addresses as IPv4 */
	string ci_remote; /* the initiator's address, in the same form */
	string ci_protocol; /* ipv4 or ipv6 */
} lab_conninfo_t;

translator lab_conninfo_t < lab_conninfo_addr_t *p > {
	ci_local = copyinstr(*(uint64_t *)copyin((uintptr_t)&p->ci_local, sizeof (uint64_t)));
	ci_remote = copyinstr(*(uint64_t *)copyin((uintptr_t)&p->ci_remote, sizeof (uint64_t)));
	ci_protocol = copyinstr(*(uint64_t *)copyin((uintptr_t)&p->ci_protocol, sizeof (uint64_t)));
};

typedef struct lab_iscsiinfo_addr {
	uint64_t ii_target;
	uint64_t ii_initiator;
	uint64_t ii_lun;
	uint32_t ii_itt;
	uint32_t ii_ttt;
	uint32_t ii_cmdsn;
	uint32_t ii_statsn;
	uint32_t ii_datasn;
	uint32_t ii_datalen;
	uint32_t ii_flags;
} lab_iscsiinfo_addr_t;

typedef struct lab_iscsiinfo {
	string ii_target; /* the target name known to the connection, this PDU included; empty in a discovery session */
	string ii_initiator; /* the initiator name known to the connection, this PDU included */
	uint64_t ii_lun; /* the logical unit as a number; where the PDU has none but belongs to a command, that command's */
	uint32_t ii_itt; /* Initiator Task Tag */
	uint32_t ii_ttt; /* Target Transfer Tag; 0xffffffff where the PDU has none; the Referenced Task Tag of task-command */
	uint32_t ii_cmdsn; /* CmdSN of what the initiator sends, ExpCmdSN of what the target sends */
	uint32_t ii_statsn; /* ExpStatSN of what the initiator sends, StatSN of what the target sends */
	uint32_t ii_datasn; /* DataSN, R2TSN or ExpDataSN */
	uint32_t ii_datalen; /* bytes of data in this PDU, without padding; a request for data (R2T) has none */
	uint32_t ii_flags; /* byte 1 of the header; its bits are below */
} lab_iscsiinfo_t;

translator lab_iscsiinfo_t < lab_iscsiinfo_addr_t *p > {
	ii_target = copyinstr(*(uint64_t *)copyin((uintptr_t)&p->ii_target, sizeof (uint64_t)));
	ii_initiator = copyinstr(*(uint64_t *)copyin((uintptr_t)&p->ii_initiator, sizeof (uint64_t)));
	ii_lun = *(uint64_t *)copyin((uintptr_t)&p->ii_lun, sizeof (uint64_t));
	ii_itt = *(uint32_t *)copyin((uintptr_t)&p->ii_itt, sizeof (uint32_t));
	ii_ttt = *(uint32_t *)copyin((uintptr_t)&p->ii_ttt, sizeof (uint32_t));
	ii_cmdsn = *(uint32_t *)copyin((uintptr_t)&p->ii_cmdsn, sizeof (uint32_t));
	ii_statsn = *(uint32_t *)copyin((uintptr_t)&p->ii_statsn, sizeof (uint32_t));
	ii_datasn = *(uint32_t *)copyin((uintptr_t)&p->ii_datasn, sizeof (uint32_t));
	ii_datalen = *(uint32_t *)copyin((uintptr_t)&p->ii_datalen, sizeof (uint32_t));
	ii_flags = *(uint32_t *)copyin((uintptr_t)&p->ii_flags, sizeof (uint32_t));
};

typedef struct lab_iscsicmd_addr {
	uint64_t ic_len;
	uint64_t ic_cdb;
} lab_iscsicmd_addr_t;

typedef struct lab_iscsicmd {
	uint64_t ic_len; /* bytes of the CDB, 16 or more */
	uint8_t *ic_cdb; /* the CDB */
} lab_iscsicmd_t;

translator lab_iscsicmd_t < lab_iscsicmd_addr_t *p > {
	ic_len = *(uint64_t *)copyin((uintptr_t)&p->ic_len, sizeof (uint64_t));
	ic_cdb = (uint8_t *)copyin(*(uint64_t *)copyin((uintptr_t)&p->ic_cdb, sizeof (uint64_t)),
	    *(uint64_t *)copyin((uintptr_t)&p->ic_len, sizeof (uint64_t)));
};

inline uint32_t II_FINAL = 0x80; /* F: the last PDU of a sequence (scsi-command, data-send, data-receive, text-command, text-response) */
inline uint32_t II_TRANSIT = 0x80; /* T: on to the next stage (login-command, login-response) */
inline uint32_t II_CONTINUE = 0x40; /* C: the text goes on in the next PDU (login-command, login-response, text-command, text-response) */
inline uint32_t II_STAGE = 0x0c; /* CSG (login-command, login-response): 0 security, 4 operational */
inline uint32_t II_NEXT_STAGE = 0x03; /* NSG (login-command, login-response): 3 full feature phase */
inline uint32_t II_READ = 0x40; /* R: the command expects data (scsi-command) */
inline uint32_t II_WRITE = 0x20; /* W: the command brings data (scsi-command) */
inline uint32_t II_STATUS = 0x01; /* S: the status is in this PDU, no scsi-response follows (data-send) */
inline uint32_t II_UNDERFLOW = 0x02; /* U: less was transferred than expected (scsi-response, data-send) */
inline uint32_t II_OVERFLOW = 0x04; /* O: more was there than expected (scsi-response, data-send) */
inline uint32_t II_BIDI_UNDERFLOW = 0x08; /* u: the same for the read half of a bidirectional command (scsi-response) */
inline uint32_t II_BIDI_OVERFLOW = 0x10; /* o: the same for the read half of a bidirectional command (scsi-response) */
inline uint32_t II_FUNCTION = 0x7f; /* the function of task-command, the reason of logout-command */
inline uint32_t II_NO_TAG = 0xffffffff; /* ii_itt or ii_ttt: there is none */

inline string iscsi_opcode[uint8_t code] =
    code == 0x00 ? "TEST UNIT READY" :
    code == 0x03 ? "REQUEST SENSE" :
    code == 0x04 ? "FORMAT UNIT" :
    code == 0x07 ? "REASSIGN BLOCKS" :
    code == 0x08 ? "READ(6)" :
    code == 0x0a ? "WRITE(6)" :
    code == 0x12 ? "INQUIRY" :
    code == 0x15 ? "MODE SELECT(6)" :
    code == 0x16 ? "RESERVE(6)" :
    code == 0x17 ? "RELEASE(6)" :
    code == 0x1a ? "MODE SENSE(6)" :
    code == 0x1b ? "START STOP UNIT" :
    code == 0x1c ? "RECEIVE DIAGNOSTIC" :
    code == 0x1d ? "SEND DIAGNOSTIC" :
    code == 0x1e ? "PREVENT ALLOW REMOVAL" :
    code == 0x25 ? "READ CAPACITY(10)" :
    code == 0x28 ? "READ(10)" :
    code == 0x2a ? "WRITE(10)" :
    code == 0x2e ? "WRITE AND VERIFY(10)" :
    code == 0x2f ? "VERIFY(10)" :
    code == 0x34 ? "PRE-FETCH(10)" :
    code == 0x35 ? "SYNCHRONIZE CACHE(10)" :
    code == 0x37 ? "READ DEFECT DATA(10)" :
    code == 0x3b ? "WRITE BUFFER" :
    code == 0x3c ? "READ BUFFER" :
    code == 0x3e ? "READ LONG(10)" :
    code == 0x3f ? "WRITE LONG(10)" :
    code == 0x41 ? "WRITE SAME(10)" :
    code == 0x42 ? "UNMAP" :
    code == 0x48 ? "SANITIZE" :
    code == 0x4c ? "LOG SELECT" :
    code == 0x4d ? "LOG SENSE" :
    code == 0x53 ? "XDWRITEREAD(10)" :
    code == 0x55 ? "MODE SELECT(10)" :
    code == 0x56 ? "RESERVE(10)" :
    code == 0x57 ? "RELEASE(10)" :
    code == 0x5a ? "MODE SENSE(10)" :
    code == 0x5e ? "PERSISTENT RESERVE IN" :
    code == 0x5f ? "PERSISTENT RESERVE OUT" :
    code == 0x7f ? "VARIABLE LENGTH CDB" :
    code == 0x83 ? "EXTENDED COPY" :
    code == 0x84 ? "RECEIVE COPY RESULTS" :
    code == 0x85 ? "ATA PASS-THROUGH(16)" :
    code == 0x88 ? "READ(16)" :
    code == 0x89 ? "COMPARE AND WRITE" :
    code == 0x8a ? "WRITE(16)" :
    code == 0x8b ? "ORWRITE(16)" :
    code == 0x8e ? "WRITE AND VERIFY(16)" :
    code == 0x8f ? "VERIFY(16)" :
    code == 0x90 ? "PRE-FETCH(16)" :
    code == 0x91 ? "SYNCHRONIZE CACHE(16)" :
    code == 0x93 ? "WRITE SAME(16)" :
    code == 0x9c ? "WRITE ATOMIC(16)" :
    code == 0x9e ? "SERVICE ACTION IN(16)" :
    code == 0x9f ? "SERVICE ACTION OUT(16)" :
    code == 0xa0 ? "REPORT LUNS" :
    code == 0xa1 ? "ATA PASS-THROUGH(12)" :
    code == 0xa2 ? "SECURITY PROTOCOL IN" :
    code == 0xa3 ? "MAINTENANCE IN" :
    code == 0xa4 ? "MAINTENANCE OUT" :
    code == 0xa8 ? "READ(12)" :
    code == 0xaa ? "WRITE(12)" :
    code == 0xae ? "WRITE AND VERIFY(12)" :
    code == 0xaf ? "VERIFY(12)" :
    code == 0xb5 ? "SECURITY PROTOCOL OUT" :
    code == 0xb7 ? "READ DEFECT DATA(12)" :
    "";

inline string iscsi_function[uint8_t code] =
    code == 0x01 ? "ABORT TASK" :
    code == 0x02 ? "ABORT TASK SET" :
    code == 0x03 ? "CLEAR ACA" :
    code == 0x04 ? "CLEAR TASK SET" :
    code == 0x05 ? "LOGICAL UNIT RESET" :
    code == 0x06 ? "TARGET WARM RESET" :
    code == 0x07 ? "TARGET COLD RESET" :
    code == 0x08 ? "TASK REASSIGN" :
    code == 0x09 ? "QUERY TASK" :
    code == 0x0a ? "QUERY TASK SET" :
    code == 0x0b ? "I_T NEXUS RESET" :
    code == 0x0c ? "QUERY ASYNCHRONOUS EVENT" :
    "";
