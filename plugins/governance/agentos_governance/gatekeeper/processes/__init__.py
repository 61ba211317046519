"""Processes in which the checks that ship look at what a stranger wrote: forked, asked, ended."""
