-- What a bot is shown is a listing of its own.
alter table kernel.token
    drop constraint token_profile_check,
    add constraint token_profile_check
        check (profile in ('worker', 'reviewer', 'planner', 'admin', 'bot', 'all'));
