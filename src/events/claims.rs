//! Claims objects that events wait for, and writes down how the attempt went: one instance at a time for each object.

use chrono::TimeDelta;
use rand::seq::SliceRandom as _;
use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::event::{self, Model, State};
use super::event_object;
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::error::Error;

/// How long a claim holds by itself: longer than an attempt may take, since a claim that has ended is another's.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Objects that are looked at for each that is to be claimed: other instances look at the same moment.
const CHOICE: u64 = 4;
/// Events of one object that one reading settles.
const MOST: u64 = 1000;
/// How long handled events are remembered, to know a repetition, and failed ones, to be looked at.
const HANDLED_FOR: TimeDelta = TimeDelta::days(7);
const FAILED_FOR: TimeDelta = TimeDelta::days(30);

/// An object that this instance works on.
pub(super) struct Claim {
    pub(super) object: String,
    lease: Uuid,
}

/// The claims of one instance. Clones share everything.
#[derive(Clone)]
pub(super) struct Claims {
    pub(super) database: Database,
    pub(super) corp_id: String,
    pub(super) clock: Clock,
}

impl Claims {
    /// Claims objects that are due, `most` at the most.
    pub(super) async fn take(&self, most: usize) -> Result<Vec<Claim>, Error> {
        let look = event_object::due(
            self.database.reader(),
            &self.corp_id,
            self.clock.now(),
            CHOICE.saturating_mul(most as u64),
        );
        let mut due = database::within_limit(look).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // Instances that look at the same moment reach for different ones, and each in the same order.
        due.shuffle(&mut rand::rng());
        due.truncate(most);
        due.sort();
        let claiming = self.database.transact(async |transaction| {
            let now = self.clock.now();
            let mut claims = Vec::new();
            for object in &due {
                let lease = Uuid::new_v4();
                if event_object::claim(transaction, &self.corp_id, object, lease, now, now + LEASE).await? {
                    let object = object.clone();
                    claims.push(Claim { object, lease });
                }
            }
            Ok(claims)
        });
        claiming.await
    }

    /// What waits for a claimed object, oldest first.
    pub(super) async fn events(&self, claim: &Claim) -> Result<Vec<Model>, Error> {
        let look = event::waiting(self.database.reader(), &self.corp_id, &claim.object, MOST);
        database::within_limit(look).await
    }

    /// The object was read after all of these came: none of them needs a reading of its own. False if the claim had
    /// ended.
    pub(super) async fn settle(&self, claim: &Claim, events: &[i64]) -> Result<bool, Error> {
        let settling = self.database.transact(async |transaction| {
            let now = self.clock.now();
            // First, for it locks the object: whoever stores another event of it comes before or after.
            let mine = event_object::give_back(transaction, &self.corp_id, &claim.object, claim.lease, now).await?;
            if mine {
                event::settle(transaction, events, State::Handled, now).await?;
                self.strike_if_done(transaction, &claim.object).await?;
            }
            Ok(mine)
        });
        settling.await
    }

    /// The object could not be read: it is due again after a pause, but not for those that are given up.
    pub(super) async fn put_off(
        &self,
        claim: &Claim,
        events: &[i64],
        given_up: &[i64],
        fault: &str,
        pause: TimeDelta,
    ) -> Result<(), Error> {
        let (corp_id, object) = (&self.corp_id, &claim.object);
        let putting_off = self.database.transact(async |transaction| {
            let now = self.clock.now();
            if !event_object::give_back(transaction, corp_id, object, claim.lease, now + pause).await? {
                return Ok(());
            }
            event::note_failure(transaction, events, fault).await?;
            event::settle(transaction, given_up, State::Failed, now).await?;
            // What came during the attempt does not wait for a failure that it knows nothing of.
            let last = events.last().copied().unwrap_or_default();
            if event::waits_after(transaction, corp_id, object, last).await? {
                event_object::hasten(transaction, corp_id, object, now).await?;
            }
            self.strike_if_done(transaction, object).await
        });
        putting_off.await
    }

    /// The object cannot be read yet, which is nobody's fault: it is due again after a pause.
    pub(super) async fn postpone(&self, claim: &Claim, pause: TimeDelta) -> Result<(), Error> {
        let postponing = self.database.transact(async |transaction| {
            let due_at = self.clock.now() + pause;
            event_object::give_back(transaction, &self.corp_id, &claim.object, claim.lease, due_at).await
        });
        postponing.await.map(drop)
    }

    async fn strike_if_done(&self, transaction: &DatabaseTransaction, object: &str) -> Result<(), DbErr> {
        if event::waiting(transaction, &self.corp_id, object, 1).await?.is_empty() {
            event_object::strike(transaction, &self.corp_id, object).await?;
        }
        Ok(())
    }

    /// Forgets what was settled long ago.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now();
        event::delete_settled(&self.database, State::Handled, now - HANDLED_FOR).await?;
        event::delete_settled(&self.database, State::Failed, now - FAILED_FOR).await
    }
}
