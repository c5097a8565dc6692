#pragma D option strsize=256
iscsi$target:::scsi-command { @[xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_target] = count(); }
