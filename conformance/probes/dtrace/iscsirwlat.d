#!/usr/sbin/dtrace -s
/*
 * iscsirwlat: how long do commands take? From scsi-command to the last data-send, or to scsi-response.
 *
 * dtrace -L DIR/lib -p PID -s iscsirwlat.d          DIR is the folder of this file, PID the server's.
 *
 * A command is known by initiator name and ITT, so two sessions of one initiator to this server may be taken for
 * each other; the histograms are by client and by what the command's R and W bits say.
 */
#pragma D option quiet
#pragma D option strsize=256

dtrace:::BEGIN
{
	printf("Tracing. Ctrl-C ends.\n");
}

iscsi$target:::scsi-command
{
	flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] =
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags;
	last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = timestamp;
}

/* A long read has several sequences, each with F at its end: only S, or the response, says which was the last. */
iscsi$target:::data-send
/xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_FINAL/
{
	last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = timestamp;
}

iscsi$target:::data-send
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_STATUS)/
{
	@us[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "read"] =
	    quantize((last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] - start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt]) / 1000);
	start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
}

iscsi$target:::scsi-response
/last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] == 0/
{
	last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = timestamp;
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 && (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & II_WRITE)/
{
	@us[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "write"] =
	    quantize((last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] - start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt]) / 1000);
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 && (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & (II_READ | II_WRITE)) == II_READ/
{
	@us[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "read"] =
	    quantize((last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] - start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt]) / 1000);
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 && (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & (II_READ | II_WRITE)) == 0/
{
	@us[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote, "no data"] =
	    quantize((last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] - start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt]) / 1000);
}

iscsi$target:::scsi-response
{
	start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	last[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
}

dtrace:::END
{
	printa("CLIENT %s, DIR %s, microseconds %@d\n", @us);
}
