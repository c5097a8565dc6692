//! What the operator changes while sessions are up: lengths, redirections, portal groups.

mod common;

use common::{Lab, Login, Way, nop, pattern, scsi, write10};
use target_core::api::{Admin, TxStatus};
use target_core::config::{Config, PortalConfig, Redirect};
use target_core::wire::{
    AsyncMessage, DataOut, LoginResponse, Lun, Opcode, R2t, RESERVED_TAG, ScsiResponse, TextRequest,
    TextResponse,
};

const LUN0: Lun = Lun(0);

fn with_length(length: u32) -> Config {
    let mut config = common::config();
    config.offer.max_recv_data_segment_length = length;
    config
}

fn text(lab: &mut Lab, login: &mut Login, pairs: &[u8]) -> Vec<u8> {
    let itt = lab.itt();
    let request = TextRequest {
        final_bit: true,
        itt,
        ttt: RESERVED_TAG,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..TextRequest::default()
    };
    login.cmd_sn += 1;
    let status = lab.send(login.conn, request.emit(), pairs);
    assert!(status.data_max >= lab.target.config().offer.max_recv_data_segment_length);
    let frame = lab.expect(login.conn, Opcode::TextResponse);
    login.exp_stat_sn = TextResponse::parse(&frame.bhs).stat_sn + 1;
    frame.data.to_vec()
}

/// A write whose one Data-Out has so many bytes, and whether the connection survives it.
fn survives(lab: &mut Lab, login: &mut Login, bytes: u32) -> bool {
    let itt = lab.itt();
    let blocks = u16::try_from(bytes / 512).expect("few");
    lab.send(login.conn, scsi(login, LUN0, itt, &write10(0, blocks), bytes, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    let data =
        DataOut { final_bit: true, itt, ttt: r2t.ttt, exp_stat_sn: login.exp_stat_sn, ..DataOut::default() };
    lab.send(login.conn, data.emit(), &pattern(bytes as usize, 3));
    if lab.end(login.conn).is_some() {
        return false;
    }
    let response = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
    assert_eq!(response.status, 0);
    login.exp_stat_sn = response.stat_sn + 1;
    true
}

const R2T: &[&str] = &["InitialR2T=Yes", "ImmediateData=No"];

#[test]
fn a_changed_length_is_asked_for_and_declared_once() {
    let mut lab = Lab::new(with_length(8192));
    let mut login = lab.ready(R2T);
    assert_eq!(text(&mut lab, &mut login, b""), b"");
    lab.admin(Admin::Reconfigure(Box::new(with_length(16384))));
    let message = AsyncMessage::parse(&lab.expect(login.conn, Opcode::AsyncMessage).bhs);
    assert_eq!((message.event, message.parameter3), (4, 15));
    login.exp_stat_sn += 1;
    assert_eq!(text(&mut lab, &mut login, b""), b"MaxRecvDataSegmentLength=16384\0");
    assert_eq!(text(&mut lab, &mut login, b""), b"");
    assert!(survives(&mut lab, &mut login, 16384));
}

#[test]
fn a_larger_length_holds_only_once_it_was_declared() {
    let mut lab = Lab::new(with_length(8192));
    let mut login = lab.ready(R2T);
    lab.admin(Admin::Reconfigure(Box::new(with_length(16384))));
    lab.expect(login.conn, Opcode::AsyncMessage);
    assert!(!survives(&mut lab, &mut login, 16384));
}

#[test]
fn a_smaller_length_holds_from_the_acknowledgement_on() {
    let mut lab = Lab::new(with_length(16384));
    let mut login = lab.ready(R2T);
    lab.admin(Admin::Reconfigure(Box::new(with_length(4096))));
    lab.expect(login.conn, Opcode::AsyncMessage);
    login.exp_stat_sn += 1;
    let before = login.exp_stat_sn;
    assert_eq!(
        text(&mut lab, &mut login, b"X-lab=1\0"),
        b"X-lab=NotUnderstood\0MaxRecvDataSegmentLength=4096\0"
    );
    // Sent before the answer was read, as its ExpStatSN says.
    login.exp_stat_sn = before;
    assert!(survives(&mut lab, &mut login, 16384));
    lab.send(login.conn, nop(&login, RESERVED_TAG, true).emit(), &[]);
    assert!(!survives(&mut lab, &mut login, 8192));
}

#[test]
fn sessions_of_a_target_that_moves_are_sent_away() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    let mut config = common::config();
    config.targets[0].redirect = Some(Redirect { address: "10.0.0.9:3260".into(), permanent: false });
    lab.admin(Admin::Reconfigure(Box::new(config.clone())));
    let message = AsyncMessage::parse(&lab.expect(login.conn, Opcode::AsyncMessage).bhs);
    assert_eq!((message.event, message.parameter3), (1, 15));
    // The same configuration once more asks for nothing.
    lab.admin(Admin::Reconfigure(Box::new(config)));
    lab.expect_nothing(login.conn);
    let conn = lab.open();
    let request = lab.login_request(2, 0, 0);
    lab.send(conn, request.emit(), &common::keys(&[]));
    let frame = lab.expect(conn, Opcode::LoginResponse);
    assert_eq!(LoginResponse::parse(&frame.bhs).status, 0x0101);
    assert_eq!(&frame.data[..], b"TargetAddress=10.0.0.9:3260\0");
    assert_eq!(lab.end(conn), Some(TxStatus::Close));
}

#[test]
fn a_target_is_found_through_its_own_groups() {
    for (groups, status) in [(vec![], 0), (vec![1], 0), (vec![2], 0x0203), (vec![2, 1], 0)] {
        let mut config = common::config();
        config.portals.push(PortalConfig { address: "127.0.0.1:3261".parse().unwrap(), group: 2 });
        config.targets[0].groups = groups.clone();
        let mut lab = Lab::new(config);
        let conn = lab.open();
        let request = lab.login_request(1, 0, 0);
        lab.send(conn, request.emit(), &common::keys(&[]));
        let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
        assert_eq!(response.status, status, "{groups:?}");
    }
}
