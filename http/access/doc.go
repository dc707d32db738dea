// Package access is who may what: roles, actions, one table from the one to the
// other, and the principal, which is who asks. It is pure: it knows neither HTTP nor
// a key nor a row.
//
//	               reader analyst service marketing sales auditor admin
//	customers.read    x      x       x        x       x      x      x
//	  …write                         x        x       x             x
//	deals.read        x      x       x        x       x      x      x
//	  …write                                          x             x
//	consents.read     x      x       x        x       x      x      x
//	  …write                         x        x                     x
//	interactions.write               x        x       x             x
//	catalog.read      x      x       x        x       x      x      x
//	  …write                                                        x
//	reports.read      x      x                x       x      x      x
//	events.read                                              x      x
//	audit.read                                               x      x
//	projections.read         x                               x      x
//	  …manage                x                                      x
//	keys.read                                                x      x
//	  …manage                                                       x
//	metrics.read                                             x      x
//	imports.run                                                     x
//	webhooks.manage                                                 x
//	sees personal     x              x        x       x      x      x
//
//	(auditors send no batches, since they change nothing; those who may send one need
//	the action of each command in it; the role monitor has metrics.read alone)
//
// # Promises
//
// What is not in the table nobody may. A refusal names the action, and never what
// it was about: who may not read a customer is not told whether there is one.
//
// # Decisions
//
//   - 2026-11-22 A role per principal, and no list of actions: who may what must be
//     seen at a glance, and a grant that nobody remembers is how rights pile up.
//     An installation that needs another role gets another line here.
//   - 2026-11-22 A reader sees what is personal: applications that look a customer
//     up need a name. Who counts does not, and is the analyst.
//   - 2026-11-22 Sales reads consents and does not record them: whoever wants to
//     write to a customer must not be the one who notes that they may.
//   - 2026-11-22 Analysts may rebuild read models: that changes no event, and they
//     are the ones who find that it is time.
//   - 2026-11-22 An auditor sees what is personal, since a history with holes proves
//     nothing; and writes nothing, so that what is audited is not the auditor's.
//   - 2026-11-22 Prometheus has the role monitor, which reads the figures and nothing
//     else: its key lies in a file of another system. Operators who look at more than
//     the figures have the analyst's or the auditor's role. It is a role of the key file
//     and of tokens: the released contract lists the roles of issued keys, and a list in
//     an answer cannot become longer without breaking who reads it.
//   - 2026-11-22 Analysts do not follow the change feed, although it is masked for them:
//     it also tells of keys, webhooks and imports, of which they may read nothing
//     elsewhere, and what they count is in the read models, by SQL as well.
//   - 2026-11-22 Imports are for the admin alone, since a file may write all data, also
//     what only the admin writes; and for who sees what is personal, since files of others cannot be masked.
//   - 2026-11-22 Whose rows are those of one owner may do only what can be narrowed to
//     them ([Action.Owned]). Reports, the change feed and read models are about all.
package access
