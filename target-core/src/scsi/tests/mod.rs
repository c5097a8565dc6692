//! Literal CDBs in, status, sense and data out, for every command.

mod access;
mod attention;
mod control;
mod failures;
mod harness;
mod identity;
mod modes;
mod properties;
mod reservation;
mod supported;
