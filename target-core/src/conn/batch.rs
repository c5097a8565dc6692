//! Bytes on their way to a socket: headers, shared data, and digests that are still to be filled in.
