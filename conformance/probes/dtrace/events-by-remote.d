#pragma D option strsize=256
iscsi$target::: { @[xlate <lab_conninfo_t *>((lab_conninfo_addr_t *)arg0)->ci_remote] = count(); }
