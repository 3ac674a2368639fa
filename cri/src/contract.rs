//! What every container runtime must do for this node, as tests that run against any [`Client`].
//!
//! # Expected flow
//! Build a [`World`] around a client of a runtime that has the test image, then run the cases of [`CASES`].
//! A case panics with what was promised and what was seen. The fake runtime and real containerd pass the
//! same cases, so that a test of the kubelet against the fake says something about the real one.
//!
//! # Assumptions
//! The test image has `/bin/sh` with `echo`, `sleep`, `dd` and `trap` (busybox). Sandboxes use the host's network, so
//! that no CNI plugin is needed. Cases clean up after themselves when they pass.

mod containers;
mod errors;
mod events;
mod exec;
mod images;
mod lifecycle;
mod program;
mod stats;
mod world;

pub use program::Program;
pub use world::World;

use futures_util::future::BoxFuture;

/// One promise and the test of it.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, in words.
    pub name: &'static str,
    run: for<'a> fn(&'a World) -> BoxFuture<'a, ()>,
}

impl Case {
    /// Tests it.
    ///
    /// # Panics
    /// When the runtime does not keep it.
    pub async fn run(&self, world: &World) {
        (self.run)(world).await;
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        /// All promises.
        pub const CASES: &[Case] = &[
            $(Case { name: stringify!($name), run: |world| Box::pin($module::$name(world)) },)*
        ];
    };
}

cases![
    lifecycle::version_and_status_are_reported,
    lifecycle::sandbox_runs_stops_and_goes,
    lifecycle::stop_and_remove_may_be_repeated,
    lifecycle::sandboxes_are_listed_by_filter,
    lifecycle::removing_a_sandbox_removes_its_containers,
    containers::container_is_created_started_stopped_and_removed,
    containers::exit_code_times_and_reason_are_reported,
    containers::term_is_ignored_only_until_the_grace_time_ends,
    containers::containers_are_listed_by_filter,
    containers::output_goes_to_the_log_file,
    containers::log_is_opened_anew_after_rotation,
    containers::removing_a_running_container_kills_it,
    exec::command_answers_output_and_exit_code,
    exec::command_that_takes_too_long_is_killed,
    exec::streaming_calls_answer_urls,
    errors::unknown_objects_are_not_found,
    errors::sandbox_name_is_reserved_with_its_holder,
    errors::container_name_is_reserved_with_its_holder,
    errors::missing_image_is_not_found,
    errors::container_cannot_start_twice,
    errors::program_that_is_not_there_fails_at_start,
    events::stream_begins_with_one_gap,
    events::life_of_a_pod_is_told_in_order,
    events::end_is_told_when_the_status_shows_it,
    events::kill_for_lack_of_memory_is_seen,
    stats::use_of_a_running_container_is_reported,
    stats::use_of_a_sandbox_is_reported,
    stats::limits_of_a_running_container_can_be_changed,
    images::image_is_found_by_name_and_id,
    images::unknown_image_has_no_status,
    images::removing_an_unknown_image_succeeds,
    images::filesystem_use_is_reported,
];
