//! Between an initiator and the server: passes every byte on, reads every PDU, and has an address of its own, so that
//! the server sees a client for each relay.

use crate::harness::PATIENCE;
use crate::truth::Truth;
use initiator_sim::codec::{Split, Splitter};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A relay to one server.
pub struct Relay {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Relay {
    /// Listens at `client`, and connects to the server from there.
    pub fn start(client: Ipv4Addr, server: SocketAddr, truth: Arc<Truth>) -> Self {
        let listener = TcpListener::bind((client, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = Arc::new(AtomicUsize::new(0));
        let counter = open.clone();
        thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                counter.fetch_add(2, Ordering::SeqCst);
                let to = connect_from(client, server);
                let conn = truth.connection(client.to_string());
                for (outward, from, to) in [(true, &from, &to), (false, &to, &from)] {
                    let from = from.try_clone().expect("a handle");
                    let to = to.try_clone().expect("a handle");
                    let (truth, counter) = (truth.clone(), counter.clone());
                    thread::spawn(move || {
                        pass(from, to, |pdu| truth.add(conn, outward, pdu));
                        counter.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self { address, open }
    }

    /// Where initiators find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until both ends of every connection are closed: then the server has seen all there was.
    pub fn wait_closed(&self) {
        let until = Instant::now() + PATIENCE;
        while self.open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < until, "a connection stays open");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn connect_from(client: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((client, 0))).expect("an address of the loopback");
    connect(&socket, &server).expect("the server listens");
    TcpStream::from(socket)
}

/// A PDU is counted before it is passed on, so what answers it is counted later.
fn pass(mut from: TcpStream, mut to: TcpStream, mut count: impl FnMut(&initiator_sim::codec::Pdu)) {
    let _ = to.set_nodelay(true);
    let mut splitter = Splitter::new();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        splitter.push(&buffer[..n]);
        while let Some(split) = splitter.next_split() {
            match split {
                Split::Pdu(pdu) => count(&pdu.to_pdu()),
                _ => panic!("a digest, where none was negotiated"),
            }
        }
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
