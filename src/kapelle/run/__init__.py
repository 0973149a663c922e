"""The doing. `walk` goes through a plan: `frontier`, `scope`, `decide`, `bind`, `ending` decide (pure), `perform` calls
the capabilities, a `checkpoint` keeps what is done (in memory, or in the database as `facts` behind its `fence`). An
`engine` owns runs: `engine_inline` in memory, `durable` in the database with `dispatch` (who walks next), `leases`
and `attendance` (who lives), `minder` (what nobody walks), `reads` and `rows`. `approvals`, `inside` (a step),
`again` (rerun and fork), `recorded` (replay) and `kept` (sessions, retention) are packages; `schedules`, `lift` and
`stuck` stand alone."""
