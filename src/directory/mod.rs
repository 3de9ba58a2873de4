//! Who works here, and where: employees, departments, memberships and roles.

pub mod admission;
pub mod browse;
mod change;
pub mod department;
mod department_change;
pub mod departments;
pub mod employee;
mod hidden;
pub mod http;
pub mod learning;
mod leaving;
pub mod mapped_grant;
mod mapping;
pub mod membership;
mod plan;
pub mod profile;
pub mod reader;
pub mod reread;
pub mod role;
pub mod role_grant;
pub mod roles;
mod roster;
pub mod standing;
pub mod sync;
mod text;
pub mod tree;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Database;
use crate::dingtalk::DingTalk;
use crate::error::Error;
use admission::Admission;
use browse::Browse;
use departments::Departments;
use employee::Employee;
use learning::Learning;
use mapping::Mapping;
use reread::Rereading;
use roles::Roles;
use roster::Roster;
use standing::Standing;
use sync::Sync;

/// The directory of one company. Clones share everything.
#[derive(Clone)]
pub struct Directory {
    roster: Arc<Roster>,
    /// Where people belong.
    pub departments: Departments,
    /// Where people belong that is not known yet.
    pub learning: Learning,
    /// Who comes in, or comes again.
    pub admission: Admission,
    /// Who is here, page by page.
    pub browse: Browse,
    /// Who may be here.
    pub standing: Standing,
    /// What people may do.
    pub roles: Roles,
    /// What has become of somebody or something.
    pub reread: Rereading,
    /// The whole company, read again.
    pub sync: Sync,
}

impl Directory {
    /// Reads the departments that are known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(
        settings: &Settings,
        database: Database,
        dingtalk: DingTalk,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let corp_id = settings.dingtalk.corp_id.clone();
        let departments = Departments::open(database.clone(), dingtalk.clone(), corp_id.clone(), clock.clone()).await?;
        let roster = Arc::new(Roster {
            database,
            corp_id,
            admins: settings.admin.userids.clone(),
            mapping: Mapping::new(&settings.directory),
            clock,
        });
        let learning = Learning::new(departments.clone());
        let reread = Rereading::new(
            Arc::clone(&roster),
            dingtalk.clone(),
            departments.clone(),
            learning.clone(),
        );
        Ok(Self {
            sync: Sync::new(
                Arc::clone(&roster),
                dingtalk,
                departments.clone(),
                reread.clone(),
                &settings.directory,
            ),
            reread,
            departments,
            learning,
            admission: Admission::new(Arc::clone(&roster)),
            browse: Browse::new(Arc::clone(&roster)),
            standing: Standing::new(Arc::clone(&roster)),
            roles: Roles::new(Arc::clone(&roster)),
            roster,
        })
    }

    /// The company.
    #[must_use]
    pub fn corp_id(&self) -> &str {
        &self.roster.corp_id
    }

    /// Finds an employee by our id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn employee_by_id(&self, id: i64) -> Result<Option<Employee>, Error> {
        self.roster.find_by_id(id).await
    }

    /// Finds an employee by DingTalk's id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn employee(&self, userid: &str) -> Result<Option<Employee>, Error> {
        self.roster.find(userid).await
    }
}
