//! Service model, plan and kernel backends. Owns no watch of the API: it is fed.
