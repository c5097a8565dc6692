//! iscsi-lab
fn main() {}
