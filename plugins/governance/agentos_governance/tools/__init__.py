"""The work-order tools of INTERFACE section 2, one module per step of a work order's life."""
