//! What the platform has handed out and still honours: app access tokens, tickets, codes, user tokens.

use std::collections::HashMap;

use uuid::Uuid;

/// Life of app access tokens, user tokens and tickets, in seconds.
pub(super) const LIFE_S: i64 = 7200;
/// A ticket ends at this age, however often it was prolonged.
const TICKET_CAP_S: i64 = 86_400;
/// Life of a code, in seconds.
pub(super) const CODE_S: i64 = 300;
/// Life of a refresh token, in seconds.
const REFRESH_S: i64 = 2_592_000;
/// From so many of a kind on, those that ended are swept out now and then.
const SWEPT_FROM: usize = 4096;

/// Index of an app among the company's.
pub(super) type AppIndex = usize;

#[derive(Debug, Default)]
struct Held {
    token: Option<(String, i64)>,
    ticket: Option<Ticket>,
}

#[derive(Debug)]
struct Ticket {
    text: String,
    over_at: i64,
    made_at: i64,
}

/// Something that is good until it is over, and is found by its text.
#[derive(Debug)]
struct Living<T> {
    items: HashMap<String, (T, i64)>,
    swept_at: usize,
}

impl<T> Default for Living<T> {
    fn default() -> Self {
        Self {
            items: HashMap::new(),
            swept_at: SWEPT_FROM,
        }
    }
}

impl<T> Living<T> {
    fn add(&mut self, item: T, over_at: i64, now: i64) -> String {
        if self.items.len() >= self.swept_at {
            self.items.retain(|_, (_, over_at)| *over_at > now);
            self.swept_at = (self.items.len() * 2).max(SWEPT_FROM);
        }
        let text = random();
        self.items.insert(text.clone(), (item, over_at));
        text
    }

    fn get(&self, text: &str, now: i64) -> Option<&T> {
        self.items
            .get(text)
            .filter(|(_, over_at)| *over_at > now)
            .map(|(item, _)| item)
    }

    /// Takes it out, if it is alive and `fits`; a stranger does not spend it.
    fn take(&mut self, text: &str, now: i64, fits: impl Fn(&T) -> bool) -> Option<T> {
        self.get(text, now).filter(|item| fits(item))?;
        self.items.remove(text).map(|(item, _)| item)
    }
}

/// Who has signed in by an auth code (免登).
#[derive(Debug)]
struct SignIn {
    app: AppIndex,
    userid: String,
}

/// What somebody consented to on the `OAuth2` page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Consent {
    pub(super) app: AppIndex,
    pub(super) unionid: String,
    /// Scope `corpid` was asked for.
    pub(super) corpid: bool,
}

/// A user token with its refresh token.
#[derive(Debug)]
pub(super) struct UserTokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    pub(super) consent: Consent,
}

/// Everything handed out.
#[derive(Debug)]
pub(super) struct Grants {
    held: Vec<Held>,
    auth_codes: Living<SignIn>,
    oauth_codes: Living<Consent>,
    user_tokens: Living<Consent>,
    refresh_tokens: Living<Consent>,
}

impl Grants {
    pub(super) fn new(apps: usize) -> Self {
        Self {
            held: (0..apps).map(|_| Held::default()).collect(),
            auth_codes: Living::default(),
            oauth_codes: Living::default(),
            user_tokens: Living::default(),
            refresh_tokens: Living::default(),
        }
    }

    /// A new auth code.
    pub(super) fn auth_code(&mut self, app: AppIndex, userid: &str, now: i64) -> String {
        let userid = userid.to_owned();
        self.auth_codes.add(SignIn { app, userid }, now + CODE_S, now)
    }

    /// Spends an auth code of the app: whose it is, once.
    pub(super) fn spend_auth_code(&mut self, app: AppIndex, code: &str, now: i64) -> Option<String> {
        let sign_in = self.auth_codes.take(code, now, |sign_in| sign_in.app == app)?;
        Some(sign_in.userid)
    }

    /// A new code of the `OAuth2` page; of another kind than an auth code.
    pub(super) fn oauth_code(&mut self, consent: Consent, now: i64) -> String {
        self.oauth_codes.add(consent, now + CODE_S, now)
    }

    /// User tokens for a code, once.
    pub(super) fn redeem_code(&mut self, app: AppIndex, code: &str, now: i64) -> Option<UserTokens> {
        let consent = self.oauth_codes.take(code, now, |consent| consent.app == app)?;
        Some(self.user_tokens(consent, now))
    }

    /// New user tokens; the refresh token dies at once.
    pub(super) fn refresh(&mut self, app: AppIndex, refresh_token: &str, now: i64) -> Option<UserTokens> {
        let consent = self
            .refresh_tokens
            .take(refresh_token, now, |consent| consent.app == app)?;
        Some(self.user_tokens(consent, now))
    }

    fn user_tokens(&mut self, consent: Consent, now: i64) -> UserTokens {
        UserTokens {
            access_token: self.user_tokens.add(consent.clone(), now + LIFE_S, now),
            refresh_token: self.refresh_tokens.add(consent.clone(), now + REFRESH_S, now),
            consent,
        }
    }

    /// Whose user token this is.
    pub(super) fn user(&self, token: &str, now: i64) -> Option<&Consent> {
        self.user_tokens.get(token, now)
    }

    /// The app access token: the same while it lives, its life begun anew.
    pub(super) fn app_access_token(&mut self, app: AppIndex, now: i64) -> String {
        let Some(held) = self.held.get_mut(app) else {
            return random();
        };
        let living = held.token.take().filter(|(_, over_at)| *over_at > now);
        let text = living.map_or_else(random, |(text, _)| text);
        held.token = Some((text.clone(), now + LIFE_S));
        text
    }

    /// Whose living app access token this is.
    pub(super) fn app(&self, token: &str, now: i64) -> Option<AppIndex> {
        self.held.iter().position(|held| {
            held.token
                .as_ref()
                .is_some_and(|(text, over_at)| text == token && *over_at > now)
        })
    }

    /// Ends the app access token of one app, or of all.
    pub(super) fn invalidate(&mut self, app: Option<AppIndex>) {
        let apps = self.held.iter_mut().enumerate();
        for (_, held) in apps.filter(|(index, _)| app.is_none_or(|app| app == *index)) {
            held.token = None;
        }
    }

    /// The jsapi ticket: the same while it lives, prolonged up to a day of age; with the seconds that it has.
    pub(super) fn ticket(&mut self, app: AppIndex, now: i64) -> (String, i64) {
        let Some(held) = self.held.get_mut(app) else {
            return (random(), LIFE_S);
        };
        let living = held.ticket.take().filter(|ticket| ticket.over_at > now);
        let (text, made_at) = living.map_or_else(|| (random(), now), |ticket| (ticket.text, ticket.made_at));
        let over_at = (now + LIFE_S).min(made_at + TICKET_CAP_S);
        held.ticket = Some(Ticket {
            text: text.clone(),
            over_at,
            made_at,
        });
        (text, over_at - now)
    }

    /// The living ticket, if there is one.
    pub(super) fn living_ticket(&self, app: AppIndex, now: i64) -> Option<&str> {
        let ticket = self.held.get(app)?.ticket.as_ref()?;
        (ticket.over_at > now).then_some(ticket.text.as_str())
    }
}

/// A text that nobody guesses, as the platform's tokens, codes and request ids are.
pub(super) fn random() -> String {
    Uuid::new_v4().simple().to_string()
}
