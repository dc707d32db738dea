// Package consent is what a customer allows: one answer for each purpose over
// each channel, with the evidence that proves it. One stream,
// consent-<customer uuid>, holds all of a customer's answers; they share nothing
// else.
//
//	            Request          Confirm
//	   (none) ──────────▶ requested ──────▶ granted     Only granted permits.
//	      │                   │                │
//	      │ Grant             │ Withdraw, Object, Expire
//	      └──────▶ granted ───┴────────────────┴──▶ withdrawn · objected · expired
//
//	from \ asked   Request    Confirm  Grant      Withdraw   Object    Expire
//	(none)         requested  refused  granted    refused    objected  refused
//	requested      requested¹ granted  granted    withdrawn  objected  expired
//	granted        quiet      quiet²   granted¹   withdrawn  objected  expired
//	withdrawn      requested  refused  granted    quiet      objected  quiet
//	objected       requested  refused  granted³   quiet      quiet     quiet
//	expired        requested  refused  granted    withdrawn  objected  quiet
//
//	¹ quiet when the evidence is the same
//	² refused when it was granted without a request
//	³ refused for legitimate interest and public task, also from a later state,
//	  until the customer consents
//
// # Rules and where they come from
//
//   - Consent is per purpose (GDPR recital 32, Art. 6(1)(a)) and per channel: a
//     confirmed e-mail address does not allow a call (BGH, 10 February 2011,
//     I ZR 164/09).
//   - Whoever relies on consent must be able to prove it (Art. 7(1)). Evidence
//     says on which wording, captured where, for which contact point; it stays
//     when the consent ends, because what was done before stays lawful and has to
//     stay provable (Art. 7(3)). The fields follow ISO/IEC TS 27560:2023.
//   - Withdrawing is as easy as granting (Art. 7(3)): it needs no evidence and is
//     never refused once there was an answer or a request.
//   - An objection needs no consent before it (Art. 21). It ends what rests on
//     legitimate interest or a public task, and neither can be claimed again
//     ([ErrObjected]) until the customer consents. A contract, a law or a vital
//     interest, to which Art. 21 does not apply, can.
//   - Double opt-in is Request, then Confirm. A request permits nothing and takes
//     nothing away: while a grant stands, whatever its basis, requesting is quiet.
//   - Only consent is requested. The other five bases of Art. 6(1) are granted:
//     they are recorded, not asked for.
//   - Time ends a consent only through Expire. Whoever checks a consent compares
//     its ExpiresAt with the clock; here is none.
package consent
