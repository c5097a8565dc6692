#!/usr/sbin/dtrace -s
/*
 * iscsirwsnoop: each transfer of data, live.
 *
 * dtrace -L DIR/lib -p PID -s iscsirwsnoop.d          DIR is the folder of this file, PID the server's.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	zero = timestamp;
	printf("%-12s %-26s %-3s %8s %s\n", "TIME(us)", "CLIENT", "R/W", "BYTES", "LUN");
}

iscsi$target:::data-send
{
	printf("%-12d %-26s %-3s %8d %d\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "R",
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun);
}

iscsi$target:::data-receive
{
	printf("%-12d %-26s %-3s %8d %d\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "W",
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun);
}

iscsi$target:::scsi-command
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen > 0/
{
	printf("%-12d %-26s %-3s %8d %d\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "W",
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun);
}
