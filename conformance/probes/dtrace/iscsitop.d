#!/usr/sbin/dtrace -s
/*
 * iscsitop: clients and how busy they are, refreshed each second.
 *
 * dtrace -L DIR/lib -p PID -s iscsitop.d          DIR is the folder of this file, PID the server's.
 *
 * LAT is the average of microseconds from scsi-command to the command's end. In the end the sums over the whole time.
 */
#pragma D option quiet
#pragma D option strsize=256

iscsi$target:::scsi-command
{
	flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] =
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags;
	start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = timestamp;
}

iscsi$target:::scsi-command,
iscsi$target:::data-receive,
iscsi$target:::data-send
{
	@kb[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
	@allkb[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] =
	    sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen);
}

iscsi$target:::data-send
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_STATUS)/
{
	@ops[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@allops[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@lat[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] =
	    avg((timestamp - start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt]) / 1000);
}

iscsi$target:::data-send
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_STATUS) &&
    (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & II_READ)/
{
	@r[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@allr[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
}

iscsi$target:::data-send
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_STATUS) &&
    (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & II_WRITE)/
{
	@w[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@allw[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
}

iscsi$target:::data-send
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_STATUS)/
{
	start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0/
{
	@ops[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@allops[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@lat[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] =
	    avg((timestamp - start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt]) / 1000);
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & II_READ)/
{
	@r[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@allr[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0 &&
    (flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] & II_WRITE)/
{
	@w[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
	@allw[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count();
}

iscsi$target:::scsi-response
/start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] != 0/
{
	start[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
	flags[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_initiator,
	    xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_itt] = 0;
}

profile:::tick-1sec
{
	printf("\033[H\033[2J%Y\n%-26s %8s %8s %8s %10s %8s\n", walltimestamp, "CLIENT", "OPS", "R", "W", "KB/s", "LAT");
	normalize(@kb, 1024);
	printa("%-26s %@8d %@8d %@8d %@10d %@8d\n", @ops, @r, @w, @kb, @lat);
	trunc(@ops);
	trunc(@r);
	trunc(@w);
	trunc(@kb);
	trunc(@lat);
}

dtrace:::END
{
	trunc(@ops);
	trunc(@r);
	trunc(@w);
	trunc(@kb);
	trunc(@lat);
	printf("%-26s %8s %8s %8s %10s\n", "CLIENT", "OPS", "R", "W", "KB");
	normalize(@allkb, 1024);
	printa("%-26s %@8d %@8d %@8d %@10d\n", @allops, @allr, @allw, @allkb);
}
