//! Short questions to suppliers, many under way on one stream.
//!
//! Who visits a built place wants dozens of its chunks at once, and mostly from one slot. A stream for each question would cost
//! two round trips before it is even asked, and of streams to one peer there are few
//! ([`bitdust_network::Limits::streams_out_per_peer`]), for which questions would queue. So all short reads of a slot share one
//! stream, a *pipe*: each question is sent as it comes, and the supplier answers in that order.
//!
//! Whoever asked may go away (somebody else was quicker, or the chunk is out of sight): the answer is heard all the same and
//! dropped. A line that falls silent is taken for dead, and what is still waited for is asked on a fresh one: a supplier that
//! restarted comes back on another connection, and nobody says that the old one is dead.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bitdust_types::{Address, DatasetId, Root};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use super::{
    Dataset, Shared,
    remote::{Listener, Remote, RemoteError, Speaker, SupplierRef},
};

/// Pipes to one supplier: half of the 48 streams that may be open. A view of built places needs one for each of some twenty
/// datasets; the one that was unused for longest makes room for another.
const PIPES_PER_SUPPLIER: usize = 24;
/// Questions of one pipe that wait for their answers, of at most [`super::pieces::SHORT_BYTES_MAX`] each.
const UNDER_WAY_MAX: usize = 32;
/// Questions that wait until they can be asked; who has more waits in line.
const WAITING_MAX: usize = 64;
/// A line is dead if an answer takes so many times as long as the slowest of late, and no less than this.
const SILENCE: u32 = 4;
const SILENCE_MIN: Duration = Duration::from_secs(1);
/// How long a fresh line's first answer is waited for that nobody needs any more.
const AFTERLIFE: Duration = Duration::from_secs(2);

/// A part of a blob.
#[derive(Clone, Debug)]
pub struct Short {
    /// The blob.
    pub root: Root,
    /// Of the whole blob, in bytes.
    pub len: u64,
    /// The part.
    pub range: Range<u64>,
}

/// What was asked for, with its hashes, and who sent it.
type Answer = Result<(Vec<u8>, SupplierRef), RemoteError>;

/// A question on its way.
struct Asked {
    short: Short,
    reply: oneshot::Sender<Answer>,
}

/// Why a pipe ended.
#[derive(Clone, Debug)]
enum End {
    /// The supplier can't be reached.
    Unopened(RemoteError),
    /// It could be reached once.
    Broken(RemoteError),
}

#[derive(Clone)]
struct Pipe {
    questions: mpsc::Sender<Asked>,
    /// Why it ended, once it has.
    end: watch::Receiver<Option<End>>,
    /// What the clock said when it was opened.
    opened: u64,
    /// And when it was last used.
    used: u64,
}

type Key = (Address, DatasetId, u16);

#[derive(Default)]
struct Open {
    pipes: HashMap<Key, Pipe>,
    /// Counts questions.
    clock: u64,
}

/// See the module's head.
#[derive(Default)]
pub struct Pipes(Mutex<Open>);

impl Pipes {
    /// Asks the supplier of a slot, once more on a fresh stream if the line broke: an idle one may have died since it was used.
    pub async fn ask(&self, shared: &Arc<Shared>, dataset: &Arc<Dataset>, slot: u16, short: &Short) -> Answer {
        match self.try_ask(shared, dataset, slot, short, false).await {
            Err(End::Broken(error)) if error.is_line() => self.try_ask(shared, dataset, slot, short, true).await,
            other => other,
        }
        .map_err(|(End::Unopened(error) | End::Broken(error))| error)
    }

    async fn try_ask(
        &self,
        shared: &Arc<Shared>,
        dataset: &Arc<Dataset>,
        slot: u16,
        short: &Short,
        is_fresh: bool,
    ) -> Result<(Vec<u8>, SupplierRef), End> {
        let nobody = || SupplierRef { account: Address::ZERO, peer: Vec::new() };
        let Some(holder) = dataset.lanes.holder(slot) else {
            return Err(End::Unopened(nobody().line(format!("nobody holds slot {slot}"))));
        };
        let key = (holder.account, dataset.id, slot);
        let pipe = self.pipe(key, || {
            let (shared, dataset) = (shared.clone(), dataset.clone());
            async move {
                let lanes = &dataset.lanes;
                if is_fresh { lanes.reopen(&shared, slot).await } else { lanes.take(&shared, slot).await }
            }
        });
        let (reply, answer) = oneshot::channel();
        let sent = pipe.questions.send(Asked { short: short.clone(), reply }).await;
        if sent.is_ok()
            && let Ok(answer) = answer.await
        {
            return answer.map_err(End::Broken);
        }
        self.forget(&key, &pipe);
        let (mut end, asked_at) = (pipe.end.clone(), pipe.used);
        let end = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        // Others that are as old may have died with it.
        if let Some(End::Broken(_)) = end {
            self.forget_all(&holder.account, asked_at);
        }
        // Without a reason it was the runtime that ended it.
        Err(end.unwrap_or_else(|| End::Unopened(holder.line("the node is stopping".to_owned()))))
    }

    /// The pipe of a slot, opened if there is none.
    fn pipe<F: Future<Output = Result<Remote, RemoteError>> + Send + 'static>(
        &self,
        key: Key,
        opening: impl FnOnce() -> F,
    ) -> Pipe {
        self.locked(|open| {
            open.clock += 1;
            let used = open.clock;
            open.pipes.retain(|_, pipe| !pipe.questions.is_closed());
            if let Some(pipe) = open.pipes.get_mut(&key) {
                pipe.used = used;
                return pipe.clone();
            }
            let of_supplier = || open.pipes.iter().filter(|((supplier, ..), _)| *supplier == key.0);
            if of_supplier().count() >= PIPES_PER_SUPPLIER
                && let Some(oldest) = of_supplier().min_by_key(|(_, pipe)| pipe.used).map(|(key, _)| *key)
            {
                open.pipes.remove(&oldest);
            }
            let (questions, waiting) = mpsc::channel(WAITING_MAX);
            let (ended, end) = watch::channel(None);
            let pipe = Pipe { questions, end, opened: used, used };
            tokio::spawn(run(opening(), waiting, ended));
            open.pipes.insert(key, pipe.clone());
            pipe
        })
    }

    fn forget(&self, key: &Key, ended: &Pipe) {
        self.locked(|open| {
            if open.pipes.get(key).is_some_and(|pipe| pipe.questions.same_channel(&ended.questions)) {
                open.pipes.remove(key);
            }
        });
    }

    /// Forgets the pipes to a supplier that were opened before the clock said that.
    fn forget_all(&self, supplier: &Address, before: u64) {
        self.locked(|open| open.pipes.retain(|(of, ..), pipe| of != supplier || pipe.opened >= before));
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Open) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Asks and hears until nobody can ask any more, or the line breaks.
async fn run(
    opening: impl Future<Output = Result<Remote, RemoteError>>,
    questions: mpsc::Receiver<Asked>,
    end: watch::Sender<Option<End>>,
) {
    let ended = match opening.await {
        Err(error) => End::Unopened(error),
        Ok(remote) => {
            let (speaker, listener) = remote.split();
            let (sent, waiting) = mpsc::channel(UNDER_WAY_MAX);
            match tokio::try_join!(speak(speaker, questions, sent), listen(listener, waiting)) {
                Ok(_) => return,
                Err(error) => End::Broken(error),
            }
        }
    };
    end.send_replace(Some(ended));
}

async fn speak(
    mut speaker: Speaker,
    questions: mpsc::Receiver<Asked>,
    sent: mpsc::Sender<Asked>,
) -> Result<(), RemoteError> {
    let mut questions = questions;
    while let Some(asked) = questions.recv().await {
        // Closed only if nobody listens any more, who says why.
        let Ok(room) = sent.reserve().await else { break };
        if !asked.reply.is_closed() {
            speaker.ask_slice(asked.short.root, asked.short.range.clone()).await?;
            room.send(asked);
        }
    }
    Ok(())
}

async fn listen(mut listener: Listener, mut waiting: mpsc::Receiver<Asked>) -> Result<(), RemoteError> {
    let supplier = listener.supplier().clone();
    let mut slow: Option<Duration> = None;
    while let Some(mut asked) = waiting.recv().await {
        let begun = Instant::now();
        let falls_silent = async {
            match slow {
                Some(slow) => sleep(SILENCE_MIN.max(SILENCE * slow)).await,
                // Nothing is known of it yet: it may be far away, or have much to do.
                None => {
                    sleep(AFTERLIFE).await;
                    asked.reply.closed().await;
                }
            }
        };
        let answer = tokio::select! {
            answer = listener.slice(asked.short.root, asked.short.len) => answer,
            () = falls_silent => return Err(supplier.line("it doesn't answer".to_owned())),
        };
        slow = Some(begun.elapsed().max(slow.unwrap_or_default().mul_f64(0.9)));
        match answer {
            Err(error) if error.is_line() => return Err(error),
            // What it says after that can't be told from an answer to something else.
            Err(error @ RemoteError::Fault { .. }) => {
                let _ = asked.reply.send(Err(error));
                return Err(supplier.line("it sent an answer that makes no sense".to_owned()));
            }
            answer => {
                let _ = asked.reply.send(answer.map(|bao| (bao, supplier.clone())));
            }
        }
    }
    Ok(())
}
