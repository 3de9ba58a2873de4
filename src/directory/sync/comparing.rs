//! Compares everybody who is stored as here with what was read: most are as they should be, and some were not met.

use futures_util::future::try_join;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::people::People;
use super::report::{Phase, Progress};
use crate::database::{self, Database};
use crate::directory::employee::{self, Here};
use crate::directory::mapped_grant;
use crate::directory::membership::{self, Membership};
use crate::directory::profile::Profile;
use crate::directory::roster::Roster;
use crate::error::Error;

/// People who are read from the database at once.
const BATCH: u64 = 250;

/// What came of it.
#[derive(Default)]
pub(super) struct Compared {
    /// How many are stored as here.
    pub(super) here: usize,
    /// Userid and name of those who were not met.
    pub(super) missing: Vec<(String, String)>,
}

/// Goes through all who are stored as here, and settles whoever is stored as they were read.
pub(super) async fn compare(
    roster: &Roster,
    people: &mut People,
    progress: &watch::Sender<Progress>,
) -> Result<Compared, Error> {
    let reader = roster.database.reader();
    let mut compared = Compared::default();
    let mut after = i64::MIN;
    let mut coming = page(&roster.database, after);
    loop {
        let here = match coming.await {
            Ok(here) => here?,
            Err(cause) => return Err(Error::Internal(cause.into())),
        };
        let Some(last) = here.last().map(|somebody| somebody.id) else {
            return Ok(compared);
        };
        // The next page is read beside what belongs to this one.
        coming = page(&roster.database, last);
        let ids: Vec<i64> = here.iter().map(|somebody| somebody.id).collect();
        let belonging = try_join(
            membership::within(reader, after, last),
            roster.mapped_grants(reader, &ids),
        );
        let (memberships, grants) = database::within_limit(belonging).await?;
        let mut settled = 0;
        for somebody in here.into_iter().filter(|somebody| somebody.corp_id == roster.corp_id) {
            compared.here += 1;
            let profile = people
                .get(&somebody.userid)
                .map_err(|cause| Error::Internal(cause.into()))?;
            let Some(profile) = profile else {
                compared.missing.push((somebody.userid, somebody.name));
                continue;
            };
            let memberships = memberships.get(&somebody.id).map_or(&[][..], Vec::as_slice);
            let grants = grants.get(&somebody.id).map_or(&[][..], Vec::as_slice);
            if is_as_read(roster, &somebody, memberships, grants, &profile) {
                people.settle(&somebody.userid);
                settled += 1;
            }
        }
        progress.send_modify(|progress| {
            progress.phase = Phase::Comparing;
            progress.compared += settled;
        });
        after = last;
    }
}

/// Begins to read those behind `after`.
fn page(database: &Database, after: i64) -> AbortOnDropHandle<Result<Vec<Here>, Error>> {
    let database = database.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        database::within_limit(employee::here_after(database.reader(), after, BATCH)).await
    }))
}

/// Whether there is nothing to write of somebody, as the plan of it would find out more slowly.
fn is_as_read(
    roster: &Roster,
    stored: &Here,
    memberships: &[Membership],
    grants: &[mapped_grant::Model],
    read: &Profile,
) -> bool {
    stored.is_as_told(read)
        && membership::completed(&read.memberships, memberships) == memberships
        && roster.mapping.regranted(read, grants).is_none()
}
