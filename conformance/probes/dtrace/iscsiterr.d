#!/usr/sbin/dtrace -s
/*
 * iscsiterr: what went wrong? Responses with sense or a residual count, refused logins, task management.
 *
 * dtrace -L DIR/lib -p PID -s iscsiterr.d          DIR is the folder of this file, PID the server's.
 *
 * Rejected PDUs have no probe. A status has no member either, so a refused login is inferred: an answer without
 * flags and text to a request whose text was complete. A redirection has text and is not seen.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	zero = timestamp;
	printf("%-12s %-26s %s\n", "TIME(us)", "CLIENT", "WHAT");
}

iscsi$target:::scsi-response
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen > 0/
{
	printf("%-12d %-26s sense data, LUN %d, itt %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt);
}

iscsi$target:::scsi-response
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & (II_OVERFLOW | II_BIDI_OVERFLOW)/
{
	printf("%-12d %-26s overflow, LUN %d, itt %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt);
}

iscsi$target:::scsi-response
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & (II_UNDERFLOW | II_BIDI_UNDERFLOW)/
{
	printf("%-12d %-26s underflow, LUN %d, itt %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt);
}

iscsi$target:::data-send
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_OVERFLOW/
{
	printf("%-12d %-26s overflow, LUN %d, itt %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt);
}

iscsi$target:::data-send
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_UNDERFLOW/
{
	printf("%-12d %-26s underflow, LUN %d, itt %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt);
}

iscsi$target:::login-command
{
	continued[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] =
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_CONTINUE;
}

iscsi$target:::login-response
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags == 0 &&
    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen == 0 &&
    continued[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] == 0/
{
	printf("%-12d %-26s login refused, initiator %s\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator);
}

iscsi$target:::login-response
{
	continued[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
}

iscsi$target:::task-command
{
	this->function = xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_FUNCTION;
	printf("%-12d %-26s function %d %s, LUN %d, of itt %08x\n", (timestamp - zero) / 1000,
	    xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote,
	    this->function, iscsi_function[this->function],
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_lun,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_ttt);
}
