#!/usr/sbin/dtrace -s
/*
 * iscsisnoop: every event, live.
 *
 * dtrace -L DIR/lib -p PID -s iscsisnoop.d          DIR is the folder of this file, PID the server's.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	zero = timestamp;
	printf("%-12s %-26s %-15s %8s %-8s %s\n", "TIME(us)", "REMOTE", "EVENT", "BYTES", "ITT", "SCSIOP");
}

iscsi$target:::async-send,
iscsi$target:::login-command,
iscsi$target:::login-response,
iscsi$target:::logout-command,
iscsi$target:::logout-response,
iscsi$target:::data-receive,
iscsi$target:::data-request,
iscsi$target:::data-send,
iscsi$target:::nop-receive,
iscsi$target:::nop-send,
iscsi$target:::scsi-response,
iscsi$target:::task-command,
iscsi$target:::task-response,
iscsi$target:::text-command,
iscsi$target:::text-response
{
	printf("%-12d %-26s %-15s %8d %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, probename,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt);
}

iscsi$target:::scsi-command
{
	this->op = xlate <lab_iscsicmd_t *>((lab_iscsicmd_addr_t *)arg2)->ic_cdb[0];
	printf("%-12d %-26s %-15s %8d %08x 0x%02x %s\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, probename,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt,
	    this->op, iscsi_opcode[this->op]);
}
