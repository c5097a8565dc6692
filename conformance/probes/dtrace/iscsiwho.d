#!/usr/sbin/dtrace -s
/*
 * iscsiwho: who talks to this target? Events by client.
 *
 * dtrace -L DIR/lib -p PID -s iscsiwho.d          DIR is the folder of this file, PID the server's.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	printf("Tracing. Ctrl-C ends.\n");
}

iscsi$target:::
{
	@[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, probename] = count();
}

dtrace:::END
{
	printf("%-26s %-16s %8s\n", "REMOTE", "EVENT", "COUNT");
	printa("%-26s %-16s %@8d\n", @);
}
