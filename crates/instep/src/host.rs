//! Whoever called: gets the events, may cancel, may be asked.

use std::fmt;

use instep_tools::CancelToken;

use crate::event::Event;

/// A question that only the user can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// May uv be installed into Instep's cache?
    InstallUv {
        /// The version; `None`: the latest.
        version: Option<String>,
    },
    /// May the environment be synced now?
    Sync {
        /// The environment.
        environment: String,
        /// Why, in words.
        why: String,
    },
}

type OnEvent<'a> = Box<dyn FnMut(Event) + 'a>;
type Confirm<'a> = Box<dyn FnMut(&Question) -> bool + 'a>;

/// The host of a piece of work.
pub struct Host<'a> {
    cancel: CancelToken,
    on_event: OnEvent<'a>,
    confirm: Option<Confirm<'a>>,
}

impl<'a> Host<'a> {
    /// A host that is told what happens. A closure does; so does a channel:
    /// `Host::new(|event| { let _ = sender.send(event); })`.
    pub fn new(on_event: impl FnMut(Event) + 'a) -> Self {
        Self { cancel: CancelToken::new(), on_event: Box::new(on_event), confirm: None }
    }

    /// A host that wants to know nothing but the result.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Lets `cancel` end the work, and every process that it started.
    pub fn with_cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Lets questions be answered. Without it, the answer is no.
    pub fn with_confirm(mut self, confirm: impl FnMut(&Question) -> bool + 'a) -> Self {
        self.confirm = Some(Box::new(confirm));
        self
    }

    /// The token that ends the work.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    pub(crate) fn tell(&mut self, event: Event) {
        (self.on_event)(event);
    }

    pub(crate) fn notice(&mut self, environment: &str, message: impl Into<String>) {
        self.tell(Event::Notice {
            environment: Some(environment.to_owned()),
            message: message.into(),
        });
    }

    pub(crate) fn confirm(&mut self, question: &Question) -> bool {
        self.confirm.as_mut().is_some_and(|confirm| confirm(question))
    }
}

impl fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("can_ask", &self.confirm.is_some()).finish_non_exhaustive()
    }
}
