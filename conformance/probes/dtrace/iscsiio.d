#!/usr/sbin/dtrace -s
/*
 * iscsiio: bytes and rate by client, reads (data-send) and writes (data-receive and immediate data).
 *
 * dtrace -L DIR/lib -p PID -s iscsiio.d          DIR is the folder of this file, PID the server's.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	printf("Tracing. Ctrl-C ends.\n");
}

iscsi$target:::data-send
{
	@count[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "read"] = count();
	@kb[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "read"] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
	@rate[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "read"] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
}

iscsi$target:::data-receive
{
	@count[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] = count();
	@kb[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
	@rate[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
}

iscsi$target:::scsi-command
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen > 0/
{
	@count[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] = count();
	@kb[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
	@rate[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
}

profile:::tick-1sec
{
	printf("%-26s %-6s %12s\n", "REMOTE", "DIR", "KB/s");
	normalize(@rate, 1024);
	printa("%-26s %-6s %@12d\n", @rate);
	trunc(@rate);
}

dtrace:::END
{
	trunc(@rate);
	printf("%-26s %-6s %12s %12s\n", "REMOTE", "DIR", "COUNT", "KB");
	normalize(@kb, 1024);
	printa("%-26s %-6s %@12d %@12d\n", @count, @kb);
}
