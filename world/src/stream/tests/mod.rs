//! Streaming, held against its promises: the plan against a search of everything, the scheduler input by input, and both
//! together in a simulated network.

mod network;
mod scheduler;
mod simulation;
mod wants;
