/*
 * What the arguments of the iscsi provider's probes point to, on 64-bit Linux.
 * Generated from iscsi.yaml; UPDATE_EXPECT=1 cargo test -p conformance --test probe_docs writes it.
 */
#ifndef ISCSI_LAB_ISCSI_H
#define ISCSI_LAB_ISCSI_H

/* arg0: 24 bytes */
typedef struct conninfo_t {
	char *ci_local; /* 0: the target's address, numeric, without port or brackets; v4-mapped addresses as IPv4 */
	char *ci_remote; /* 8: the initiator's address, in the same form */
	char *ci_protocol; /* 16: ipv4 or ipv6 */
} conninfo_t;

/* arg1: 56 bytes */
typedef struct iscsiinfo_t {
	char *ii_target; /* 0: the target name known to the connection, this PDU included; empty in a discovery session */
	char *ii_initiator; /* 8: the initiator name known to the connection, this PDU included */
	unsigned long long ii_lun; /* 16: the logical unit as a number; where the PDU has none but belongs to a command, that command's */
	unsigned int ii_itt; /* 24: Initiator Task Tag */
	unsigned int ii_ttt; /* 28: Target Transfer Tag; 0xffffffff where the PDU has none; the Referenced Task Tag of task-command */
	unsigned int ii_cmdsn; /* 32: CmdSN of what the initiator sends, ExpCmdSN of what the target sends */
	unsigned int ii_statsn; /* 36: ExpStatSN of what the initiator sends, StatSN of what the target sends */
	unsigned int ii_datasn; /* 40: DataSN, R2TSN or ExpDataSN */
	unsigned int ii_datalen; /* 44: bytes of data in this PDU, without padding; a request for data (R2T) has none */
	unsigned int ii_flags; /* 48: byte 1 of the header; its bits are below */
} iscsiinfo_t;

/* arg2: 16 bytes */
typedef struct iscsicmd_t {
	unsigned long long ic_len; /* 0: bytes of the CDB, 16 or more */
	unsigned char *ic_cdb; /* 8: the CDB */
} iscsicmd_t;

#define II_FINAL 0x80 /* F: the last PDU of a sequence (scsi-command, data-send, data-receive, text-command, text-response) */
#define II_TRANSIT 0x80 /* T: on to the next stage (login-command, login-response) */
#define II_CONTINUE 0x40 /* C: the text goes on in the next PDU (login-command, login-response, text-command, text-response) */
#define II_STAGE 0x0c /* CSG (login-command, login-response): 0 security, 4 operational */
#define II_NEXT_STAGE 0x03 /* NSG (login-command, login-response): 3 full feature phase */
#define II_READ 0x40 /* R: the command expects data (scsi-command) */
#define II_WRITE 0x20 /* W: the command brings data (scsi-command) */
#define II_STATUS 0x01 /* S: the status is in this PDU, no scsi-response follows (data-send) */
#define II_UNDERFLOW 0x02 /* U: less was transferred than expected (scsi-response, data-send) */
#define II_OVERFLOW 0x04 /* O: more was there than expected (scsi-response, data-send) */
#define II_BIDI_UNDERFLOW 0x08 /* u: the same for the read half of a bidirectional command (scsi-response) */
#define II_BIDI_OVERFLOW 0x10 /* o: the same for the read half of a bidirectional command (scsi-response) */
#define II_FUNCTION 0x7f /* the function of task-command, the reason of logout-command */
#define II_NO_TAG 0xffffffff /* ii_itt or ii_ttt: there is none */

#endif
