//! `fault`, `net`, `clock`, `target`: what happens around the PDUs.

use crate::runner::exec::wait;
use crate::runner::failure::Class;
use crate::runner::lab::End;
use crate::runner::scope::{Cx, Outcome};
use crate::runner::setup;
use crate::runner::state::{Armed, State};
use crate::scenario::model::{FaultVerb, LunSpec, PlannedFault};
use crate::scenario::step::{AdminVerb, Fault, FaultTrigger, NetVerb, StorageVerb, TargetVerb, TimeExpr};
use crate::scenario::units::Nanos;
use crate::trace::RecordKind;
use initiator_sim::disk::BadRange;
use initiator_sim::fault::{Fault as Scripted, Trigger, Verb};
use initiator_sim::net::Dir;
use initiator_sim::world::World;
use target_core::api::{Admin, ConnId, Tsih};
use target_core::config::{AccessState, Config, LunConfig, Redirect};
use target_core::io::{DeviceId, IoError};

/// Longest real time a clock step waits on TCP.
pub(in crate::runner) const REAL_PAUSE_MAX: Nanos = 3_000_000_000;

/// The simulator; steps that need it are not reached elsewhere.
fn world<T>(cx: &Cx<'_>, act: impl FnOnce(&mut World) -> T) -> Outcome<T> {
    let mut state = cx.state.borrow_mut();
    let found = state.lab.world().map(act);
    drop(state);
    found.ok_or_else(|| cx.script("this step needs the simulator"))
}

fn verbs(list: &[FaultVerb]) -> Vec<Verb> {
    let one = |verb: &FaultVerb| match verb.clone() {
        FaultVerb::Split(at) => Verb::Split(at),
        FaultVerb::Coalesce(count) => Verb::Coalesce(count),
        FaultVerb::Delay(time) => Verb::Delay(time),
        FaultVerb::Hold => Verb::Hold,
        FaultVerb::Stall(time) => Verb::Stall(time),
        FaultVerb::Reset => Verb::Reset,
        FaultVerb::HalfClose => Verb::HalfClose,
        FaultVerb::Close => Verb::Close,
        FaultVerb::CorruptBit { byte, bit } => Verb::CorruptBit { byte, bit },
        FaultVerb::Drop => Verb::Drop,
        FaultVerb::Dup => Verb::Dup,
        FaultVerb::Swap => Verb::Swap,
        FaultVerb::CorruptField { field, value, fix_digest } => {
            Verb::CorruptField { field, value, fix_digest }
        }
    };
    list.iter().map(one).collect()
}

const fn dir(inward: bool) -> Dir {
    if inward { Dir::In } else { Dir::Out }
}

fn arm(cx: &Cx<'_>, on: usize, fault: Scripted, at: &crate::scenario::At, maybe: bool) -> Outcome<()> {
    let lab = cx.state.borrow().conns[on].lab;
    let id = world(cx, |world| world.fault(Scripted { conn: lab, ..fault }))?;
    let armed = Armed { id, conn: lab, step: cx.id.to_owned(), at: at.clone(), maybe };
    cx.state.borrow_mut().faults.push(armed);
    Ok(())
}

/// Arms a fault.
pub(super) fn fault(cx: &Cx<'_>, step: &Fault) -> Outcome<()> {
    let on = cx.conn(&step.on)?;
    let trigger = match &step.trigger {
        FaultTrigger::Pdu(kind, skip) => Trigger::Pdu { opcode: kind.map(|kind| kind.opcode()), skip: *skip },
        FaultTrigger::Byte(byte) => Trigger::Byte(cx.number(byte, &[])?),
        FaultTrigger::After(time) => Trigger::At(cx.deadline(Some(time))?),
    };
    let fault = Scripted { conn: 0, dir: dir(step.inward), trigger, verbs: verbs(&step.verbs) };
    arm(cx, on, fault, cx.at, step.maybe)
}

/// Arms the faults that are planned for the PDUs of this step.
pub(super) fn arm_planned(cx: &Cx<'_>, faults: &[PlannedFault]) -> Outcome<()> {
    for planned in faults.iter().filter(|planned| planned.step == cx.id) {
        // A connection that the step itself opens cannot have faults before it is there.
        let Ok(on) = cx.conn(&planned.on) else { continue };
        let trigger = Trigger::Pdu { opcode: None, skip: planned.pdu };
        let fault = Scripted { conn: 0, dir: dir(planned.inward), trigger, verbs: verbs(&planned.verbs) };
        arm(cx, on, fault, &planned.at, planned.maybe)?;
    }
    Ok(())
}

/// Changes the network or ends a connection.
pub(super) fn net(cx: &Cx<'_>, verb: NetVerb, on: &str) -> Outcome<()> {
    let conn = cx.conn(on)?;
    let lab = cx.state.borrow().conns[conn].lab;
    let end = |end: End| {
        let mut state = cx.state.borrow_mut();
        state.lab.end(lab, end);
        state.note(conn, '>', &format!("{end:?}"));
        let verb = match end {
            End::Close => "close",
            End::HalfClose => "half_close",
            End::Reset => "reset",
        };
        state.record_link(conn, RecordKind::Closed { how: format!("{verb} by the initiator") });
        let link = &mut state.conns[conn];
        link.left = link.left || end != End::HalfClose;
        let index = link.index;
        if end != End::HalfClose {
            state.session(conn).closed(index);
        }
        Ok(())
    };
    match verb {
        NetVerb::Close => end(End::Close),
        NetVerb::HalfClose => end(End::HalfClose),
        NetVerb::Reset => end(End::Reset),
        NetVerb::Partition => world(cx, |world| world.partition(lab, true)),
        NetVerb::Heal => world(cx, |world| world.partition(lab, false)),
        NetVerb::Clog => world(cx, |world| world.clog(lab, true)),
        NetVerb::Unclog => world(cx, |world| world.clog(lab, false)),
        NetVerb::Release => {
            let ids: Vec<_> = cx
                .state
                .borrow()
                .faults
                .iter()
                .filter(|fault| fault.conn == lab)
                .map(|fault| fault.id)
                .collect();
            world(cx, |world| ids.into_iter().for_each(|id| world.release(id)))
        }
    }
}

/// Lets time pass.
pub(super) async fn advance(cx: &Cx<'_>, time: &TimeExpr) -> Outcome<()> {
    let until = cx.deadline(Some(time))?;
    let nothing: Option<()> = wait(cx, until, |_: &mut State| None).await;
    debug_assert!(nothing.is_none());
    Ok(())
}

/// Lets time pass until nothing is under way.
pub(super) async fn until_idle(cx: &Cx<'_>) -> Outcome<()> {
    let until = cx.deadline(None)?;
    let idle = wait(cx, until, |state| match state.lab.world() {
        Some(world) => world.is_idle().then_some(()),
        None => None,
    });
    idle.await.ok_or_else(|| cx.fail(Class::Liveness, "idle", "there is no end to what is under way"))
}

/// Lifecycle, operator, storage.
pub(super) fn target(cx: &Cx<'_>, verb: &TargetVerb) -> Outcome<()> {
    match verb {
        TargetVerb::Crash => world(cx, World::crash),
        TargetVerb::Restart => world(cx, World::restart)?
            .map_err(|error| cx.script(format!("the target does not start: {error}"))),
        TargetVerb::Admin(admin) => {
            let request = admin_request(cx, admin)?;
            world(cx, |world| world.admin(request))
        }
        TargetVerb::Storage(lun, verb) => storage(cx, *lun, verb),
    }
}

fn admin_request(cx: &Cx<'_>, verb: &AdminVerb) -> Outcome<Admin> {
    let session = |name: &String| {
        let conn = cx.conn(name)?;
        Ok::<_, Box<_>>(Tsih(cx.state.borrow_mut().session(conn).tsih))
    };
    Ok(match verb {
        AdminVerb::RequestLogout(on, seconds) => {
            Admin::RequestLogout { session: session(on)?, seconds: *seconds }
        }
        AdminVerb::DropConnection(on) => {
            let conn = cx.conn(on)?;
            Admin::DropConnection { conn: ConnId(cx.state.borrow().conns[conn].lab.into()) }
        }
        AdminVerb::DropSession(on) => Admin::DropSession { session: session(on)? },
        AdminVerb::RequestNegotiation(on, seconds) => {
            Admin::RequestNegotiation { session: session(on)?, seconds: *seconds }
        }
        AdminVerb::Drain(seconds) => Admin::Drain { seconds: *seconds },
        AdminVerb::Resize(lun, blocks) => Admin::Resized { device: device(cx, *lun)?, blocks: *blocks },
        AdminVerb::RemoveLun(lun) => reconfigure(cx, |luns| luns.retain(|known| known.lun != *lun))?,
        AdminVerb::AddLun(lun) => {
            let spec = LunSpec {
                lun: *lun,
                blocks: 2048,
                block_size: 512,
                write_cache: true,
                thin: true,
                ..LunSpec::default()
            };
            let mut devices = world(cx, |world| {
                let luns = world.target_config().targets.iter().flat_map(|target| &target.luns);
                luns.map(|lun| lun.device.0 + 1).max().unwrap_or(0)
            })?;
            let config = setup::lun(&spec, &mut devices);
            reconfigure(cx, |luns| luns.push(config))?
        }
        AdminVerb::Access(lun, group, state) => reconfigure(cx, |luns| {
            let state = AccessState::of_name(state).unwrap_or_default();
            for known in luns.iter_mut().filter(|known| known.lun == *lun) {
                known.policy.access.retain(|(other, _)| other != group);
                known.policy.access.push((*group, state));
            }
        })?,
        AdminVerb::Eject(lun) => operate(cx, *lun, true)?,
        AdminVerb::Load(lun) => operate(cx, *lun, false)?,
        AdminVerb::Redirect(address) => change(cx, |config| {
            if let Some(target) = config.targets.first_mut() {
                target.redirect = Some(Redirect { address: address.clone(), permanent: false });
            }
        })?,
        AdminVerb::MaxRecvDataSegmentLength(length) => {
            change(cx, |config| config.offer.max_recv_data_segment_length = *length)?
        }
    })
}

/// The operator takes the medium of a LUN out or brings it back.
fn operate(cx: &Cx<'_>, lun: u16, ejected: bool) -> Outcome<Admin> {
    reconfigure(cx, |luns| {
        for known in luns.iter_mut().filter(|known| known.lun == lun) {
            known.policy.ejected = ejected;
        }
    })
}

/// The present configuration with other logical units.
fn reconfigure(cx: &Cx<'_>, luns: impl FnOnce(&mut Vec<LunConfig>)) -> Outcome<Admin> {
    change(cx, |config| {
        if let Some(target) = config.targets.first_mut() {
            luns(&mut target.luns);
        }
    })
}

/// The present configuration, changed.
fn change(cx: &Cx<'_>, by: impl FnOnce(&mut Config)) -> Outcome<Admin> {
    let mut config = world(cx, |world| world.target_config().clone())?;
    by(&mut config);
    config.check().map_err(|error| cx.script(format!("the target would not be right: {error}")))?;
    Ok(Admin::Reconfigure(Box::new(config)))
}

fn device(cx: &Cx<'_>, lun: u16) -> Outcome<DeviceId> {
    let found = world(cx, |world| {
        let luns =
            world.target_config().targets.first().map(|target| target.luns.clone()).unwrap_or_default();
        luns.iter().find(|known| known.lun == lun).map(|known| known.device)
    })?;
    found.ok_or_else(|| cx.script(format!("the target has no LUN {lun}")))
}

fn storage(cx: &Cx<'_>, lun: u16, verb: &StorageVerb) -> Outcome<()> {
    let device = device(cx, lun)?.0;
    match verb {
        StorageVerb::Stall => world(cx, |world| world.stall_disk(device, true)),
        StorageVerb::Resume => world(cx, |world| {
            if let Some(disk) = world.disk(device) {
                disk.heal();
            }
            world.stall_disk(device, false);
        }),
        StorageVerb::Latency(spec) => {
            let latency = setup::latency(spec);
            world(cx, |world| world.disk(device).map(|disk| disk.set_latency(latency)))?;
            Ok(())
        }
        StorageVerb::Fail { lba, blocks, error, op } => {
            let error = match error.as_str() {
                "no_space" => Some(IoError::NoSpace),
                "write_protected" => Some(IoError::WriteProtected),
                "not_ready" => Some(IoError::NotReady),
                "hardware" => Some(IoError::Hardware),
                _ => None,
            };
            let range = BadRange {
                blocks: *lba..lba.saturating_add(*blocks),
                read: matches!(op.as_str(), "any" | "read"),
                write: matches!(op.as_str(), "any" | "write"),
                flush: op == "flush",
                until_written: false,
                error,
            };
            world(cx, |world| world.disk(device).map(|disk| disk.add_bad(range)))?;
            Ok(())
        }
    }
}
