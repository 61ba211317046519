"""Adversarial review: checks that hold submitted work against its difference and its evidence.

Where to look, from what a submission calls down to what all else rests on. Each row may import the
rows below it and nothing of its own row; `lint-imports` holds that, and that no check knows another.

    submission, views      what `submit_work_order` asks, and what it is answered
    checking               runs every check of one submission, keeps what came of it
    processes/             the processes in which checks run: forked, asked, ended
    registry               which checks there are, in which order
    checks/                one package for each subject; the module that is a check has its name:
      tests_kept/            tests deleted, skipped, doubled, weakened
      hard_coded/            `no_hard_coded_results`: answers to tests and to nobody else
      hidden_failures/       `no_hidden_failures`: failures that look like success
      thresholds/            `thresholds_kept`: settings and remarks that ask for less
      claims/                `claims_resolve`, `diff_matches_claims`, `figures_measured`
      evidence/              `evidence_from_this_tree`, `reports_untouched`, `tests_ran`
      contents/              `no_secrets`, `no_binaries`, `within_roots`, `dependencies_locked`,
                             `changes_called_out`
      linters/               `no_new_lint`, `no_new_security_findings`, `no_new_type_errors`
      blast_radius_covered   what the change may break is reached by tests
    model_pass/            a model as adversary, after the checks; it knows none of them
    records/               what was recorded: reports of runs, uses of tools
    suite_reading          the suites of one submission, read once for all checks
    work                   submitted work as checks read it
    programs               checkers that are run as programs
    suites/                tests of every language, before and after, paired
    python/, foreign/      tests and sources of Python; of JavaScript, Go, Rust and Java
    cases                  what a test is, whatever its language
    files/                 changed files as text: lines, names, settings, manifests, commands
    finding, settings, keeping_lease    one idea each, which know none of the above
"""
