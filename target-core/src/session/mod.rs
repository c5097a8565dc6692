//! Sessions: parameters, command window, ordering, reinstatement (RFC 7143 sections 4.2.2, 4.4 and 8.3).

pub mod params;
pub mod window;
