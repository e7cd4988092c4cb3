//! The frames of the peer: calls and their answers, method names, the ends of notices; and every reference in them (N2, N3).

use super::*;

impl Tables {
    /// A frame arrives on a lane (without its length).
    pub(crate) fn receive(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        bytes: Bytes,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let cost = cost_of(bytes.len() + 4);
        let frame = wire::read_frame(bytes)?;
        if frame.options.large.is_some() {
            return Err(Violation::NotYet("a body on a stream of its own"));
        }
        if matches!(frame.head.kind, Kind::Call | Kind::Notice)
            && frame.head.flags & (wire::flag::KEEP | wire::flag::ON_ANSWER) != 0
        {
            return Err(Violation::NotYet("a call on an answer"));
        }
        match frame.head.kind {
            Kind::Call | Kind::Notice => self.receive_call(shared, lane, frame, cost, now_ms, events),
            Kind::Reply | Kind::Fault => self.receive_answer(shared, lane, frame, events),
            Kind::Cancel => {
                if let Some(run) = self.running.get(lane, frame.head.call) {
                    events.stops.push((run.context.clone(), Stop::Cancelled));
                }
                Ok(())
            }
            Kind::Names => self.receive_names(lane, frame),
            Kind::Done => self.receive_done(frame, events),
            Kind::Finish => Err(Violation::OutOfPlace(Kind::Finish)),
        }
    }

    /// After all frames of a chunk: calls that found permits by the answers in it are started.
    pub(crate) fn chunk_done(&mut self, now_ms: u64, events: &mut Events) {
        self.grant(now_ms, events);
    }

    pub(super) fn receive_call(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        cost: u32,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let Frame { head, options, body } = frame;
        let notice = head.kind == Kind::Notice;
        let refs = self.settle(shared, lane, &options.refs, events)?;
        self.running.pay(cost)?;
        self.lanes[lane].arrived();
        let found = if head.object == ObjectId::LOBBY {
            Found::Object(self.lobby.clone())
        } else {
            self.exports.arrive(head.object)?
        };
        let left =
            options.deadline_ms.unwrap_or_else(|| self.peer.as_ref().map_or(30_000, |p| p.deadline_ms));
        let deadline_ms = now_ms + u64::from(left.min(self.limits.deadline_max_ms));
        let context = Arc::new(CallContext::remote(shared, &options, deadline_ms));
        if notice {
            self.running.notice();
        } else {
            // An unknown object counts nothing, even if its number is given out before the answer is.
            let object = if matches!(found, Found::Unknown) { ObjectId::LOBBY } else { head.object };
            let run = Run { object, cost, context: context.clone() };
            self.running.insert(lane, head.call, run)?;
        }
        let replier = shared.replier(lane, (!notice).then_some(head.call), head.object, cost);
        let unknown = matches!(found, Found::Unknown);
        let fault = match found {
            Found::Dead(_) if mutation!(NoAnswerToDead) => {
                std::mem::forget(replier);
                return Ok(());
            }
            Found::Dead(reason) => Fault::never(FaultCode::GONE, &*reason),
            Found::Unknown => Fault::never(FaultCode::NO_SUCH_OBJECT, ""),
            Found::Object(_) if self.draining => Fault::never(FaultCode::DRAINING, ""),
            Found::Object(_) if self.crowded => Fault::never(
                FaultCode::OVERLOADED,
                "the node has no memory left for calls of this connection",
            ),
            Found::Object(object) => match self.lanes[lane].method_here(object.descriptor(), head.method) {
                Err(name) => Fault::never(FaultCode::NO_SUCH_METHOD, name),
                Ok(method) => {
                    // Behind what is held back already, so that nothing is overtaken.
                    let waits = !self.parked.is_empty() && !mutation!(ParkedOvertaken);
                    let full = waits || self.lanes[lane].len() > self.limits.outbox_max;
                    if full {
                        // A copy: as a slice it would keep the whole datagram that it came in.
                        let body = Bytes::copy_from_slice(&body);
                        self.parked.push((object, Delivery { method, body, refs, replier, context }));
                    } else {
                        let delivery = Delivery { method, body, refs, replier, context };
                        events.deliveries.push((object, delivery));
                    }
                    return Ok(());
                }
            },
        };
        let call = replier.disarm();
        if !self.parked_faults.is_empty() || self.lanes[lane].len() > self.limits.outbox_max {
            let object = head.object;
            if call.is_none() && unknown {
                // No honest peer sends a notice to what it never held; many of them are not kept.
                return Err(Violation::TooMuchOutstanding);
            }
            self.parked_faults.push_back(ParkedFault { lane, call, object, cost, fault });
        } else {
            self.finish(lane, call, head.object, cost, Err(fault));
        }
        Ok(())
    }

    pub(super) fn receive_answer(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let Frame { head, options, body } = frame;
        let call = self.calls.answer(head.call, lane)?;
        self.wheel.remove(head.call.0);
        let unsettled = call.waiter.is_none() && mutation!(UnwantedRefsUnsettled);
        let table: &[Reference] = if unsettled { &[] } else { &options.refs };
        let refs = self.settle(shared, lane, table, events)?;
        if !(mutation!(PermitKeptOnFault) && head.kind == Kind::Fault) {
            self.permits.give_back(call.import, 1, call.cost).map_err(|_| Violation::UnknownAnswer)?;
        }
        let ended = self.imports.answered(call.import, 1, &mut events.shells)?;
        self.forget_permits(ended);
        let Some(waiter) = call.waiter else { return Ok(()) };
        let answer = if head.kind == Kind::Reply {
            Answer::Reply { body, refs }
        } else {
            // It was this side's clock that stopped it.
            let late = call.late && FaultCode(head.method) == FaultCode::CANCELLED;
            Answer::Fault(Fault {
                code: if late { FaultCode::DEADLINE } else { FaultCode(head.method) },
                ran: Ran::from_byte(head.flags),
                text: String::from_utf8_lossy(&body).into_owned(),
            })
        };
        events.answers.push((waiter, answer));
        Ok(())
    }

    pub(super) fn forget_permits(&mut self, ended: Option<usize>) {
        if let Some(slot) = ended {
            self.permits.forget(slot);
            while let Some(lane) = self.imports.lane_to_retire() {
                self.lanes[lane].retire();
            }
        }
    }

    pub(super) fn receive_names(&mut self, lane: usize, frame: Frame) -> Result<(), Violation> {
        let object = frame.head.object;
        let interface = if object == ObjectId::LOBBY {
            self.lobby.descriptor()
        } else {
            self.exports.interface(object).ok_or(Violation::UnknownNames(object))?
        };
        let names: Vec<String> =
            transport::msgpack::from_slice(&frame.body).map_err(|_| Violation::BadNames)?;
        if !self.lanes[lane].set_names(interface, names, NAMES_MAX) {
            return Err(Violation::TooManyNames);
        }
        Ok(())
    }

    pub(super) fn receive_done(&mut self, frame: Frame, events: &mut Events) -> Result<(), Violation> {
        let cost: [u8; 4] = frame.body.as_ref().try_into().map_err(|_| Violation::UnknownAnswer)?;
        let count = frame.head.call.0;
        let slot = self.imports.slot_of(frame.head.object).ok_or(Violation::UnknownAnswer)?;
        self.permits
            .give_back(slot, count, u32::from_le_bytes(cost))
            .map_err(|_| Violation::UnknownAnswer)?;
        let ended = self.imports.answered(slot, count, &mut events.shells)?;
        self.forget_permits(ended);
        Ok(())
    }

    /// Settles the whole reference table of a frame, whether or not its body is decoded, wanted or understood (N3).
    pub(super) fn settle(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        refs: &[Reference],
        events: &mut Events,
    ) -> Result<Refs, Violation> {
        if refs.is_empty() {
            return Ok(Refs::default());
        }
        // What comes by an object's own lane may be held longer than that object.
        let shared_lane = if mutation!(BoundToOwnLane) { lane } else { self.lanes.shared_lane(lane) };
        let mut handles = Vec::with_capacity(refs.len());
        for r in refs {
            if r.hops > 8 {
                return Err(Violation::TooManyHops(r.hops));
            }
            let handle = match r.kind {
                RefKind::Dead => Handle::dead(),
                RefKind::Export => {
                    let (slot, entry) = self.imports.arrive(r.id, shared_lane, r.own_lane, r.fingerprint)?;
                    let import = match entry.handle.upgrade() {
                        Some(import) => import,
                        None => {
                            let import = Import::new(shared, slot, r.id);
                            entry.handle = Arc::downgrade(&import);
                            import
                        }
                    };
                    if mutation!(UndecodedRefsLeak) {
                        std::mem::forget(import.clone());
                    }
                    Handle::remote(import)
                }
                RefKind::Source | RefKind::Sink => self.stream_arrives(shared, lane, r)?,
                RefKind::Home => match self.exports.home(r.id, &mut events.garbage)? {
                    Found::Object(object) => Handle::local(object),
                    _ => Handle::dead(),
                },
            };
            handles.push(handle);
        }
        Ok(Refs::new(handles))
    }
}
