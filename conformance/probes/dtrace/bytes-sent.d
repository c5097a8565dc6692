#pragma D option strsize=256
iscsi$target:::data-send { @bytes = sum(xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_datalen); }
