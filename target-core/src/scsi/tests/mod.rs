//! Literal CDBs in, status, sense and data out, for every command.

mod access;
mod atomic;
mod attention;
mod conflicts;
mod control;
mod copies;
mod failures;
mod harness;
mod identity;
mod maintenance;
mod modes;
mod persist;
mod ports;
mod properties;
mod provisioning;
mod reservation;
mod same;
mod supported;
mod upkeep;
