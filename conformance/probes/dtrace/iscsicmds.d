#!/usr/sbin/dtrace -s
/*
 * iscsicmds: which SCSI commands does each client send?
 *
 * dtrace -L DIR/lib -p PID -s iscsicmds.d          DIR is the folder of this file, PID the server's.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	printf("Tracing. Ctrl-C ends.\n");
}

iscsi$target:::scsi-command
{
	this->op = xlate <lab_iscsicmd_t *>((lab_iscsicmd_addr_t *)arg2)->ic_cdb[0];
	@[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, this->op, iscsi_opcode[this->op]] = count();
}

dtrace:::END
{
	printf("%-26s %-6s %-26s %8s\n", "CLIENT", "OPCODE", "COMMAND", "COUNT");
	printa("%-26s 0x%02x   %-26s %@8d\n", @);
}
