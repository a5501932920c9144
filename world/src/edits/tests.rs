//! Replicas, their players, and the laws that all of them keep.

mod actors;
mod bounds;
mod codec;
mod reference;
mod rights;
mod schedules;
mod syncing;
mod versions;
