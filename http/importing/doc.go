// Package importing is what files become: it reads CSV, JSON lines and vCard
// files, makes commands of their rows as a mapping says, and gives these to a
// Sender, which carries them out.
//
// # Promises
//
// A row that is wrong costs that row: it is told of with its line and the reason,
// and the run goes on. What is refused counts as wrong too. Memory does not grow
// with the files: rows are read as they are carried out and told of, and no row is
// longer than 1 MiB. Rows are told of in their order, each once.
//
// Running an import again completes one that was interrupted (Ctrl-C, kill, a
// server that went away) and appends nothing where there is nothing new. Every
// id is derived from the mapping's name, the entity and the row's key, and every
// command has an Idempotency-Key made of what it says. A row that has changed
// since is another command: where its target exists already, the importer sends
// what changed in its place (customer.change_details for customer.register, and
// so on) and counts the row as updated.
//
// Rows that touch the same aggregate are stored in the order of the files, and
// what a row refers to before the row; everything else is sent several requests
// at a time.
//
// # What it does not do
//
//   - It takes nothing away: a blank cell does not clear what an earlier import
//     brought, and a row that vanished from the file stays in the CRM.
//   - Of something that exists it does not change the kind of a customer, the
//     title, stage and line items of a deal, nor a pipeline. A deal that is
//     closed refuses a new amount, and the row is reported as rejected.
//   - It does not notice a row that went from A to B and back to A between three
//     imports: the third A is the first one's command and was carried out then.
//   - On a row that was partly stored it undoes nothing. A contact point that
//     the server refuses leaves the customer without it, and is reported.
//   - An interaction that is logged is not taken back by an undo, so it is not logged a
//     second time by an import after it.
//   - It finds no duplicates: rows with different keys are different things.
//
// # How it fails
//
// A mapping with a slip, a file without the columns that the mapping needs, or a
// folder without a file for it end the run before anything is asked. What becomes of
// commands while the server is away is the sender's business.
//
// # The mapping
//
// A mapping is a YAML file; a key that does not belong is an error that names
// the line. The built-in ones (builtin/*.yaml) are examples of all of this.
//
//	name: contacts              # part of every id: never change it
//	about: what it is           # for people
//	maps:                       # words used by several values
//	  answers: {J: "yes", N: "no"}
//	values: {…}                 # for all files; those of a file come first
//	once: […]                   # commands that no file is needed for
//	files:                      # in this order; the same file may come twice
//	  - name: people            # part of every command's key: never change it
//	    match: ["*.csv"]        # base names, without .gz, in any case
//	    format: csv             # csv, jsonl or vcard; default by the name's end
//	    delimiter: ";"          # default: the likeliest of , ; tab |
//	    encoding: iso-8859-1    # default: byte order mark, else UTF-8 or Windows-1252
//	    header: [name, mail]    # of a file that has no header line
//	    blank: [Select, n/a]    # texts that count as blank
//	    decimal: ","            # of numbers; default .
//	    thousands: "."          # default none
//	    dates: [DD.MM.YYYY]     # of YYYY YY MMMM MMM MM M DD D hh h mm ss AM Z
//	    zone: Europe/Berlin     # where the days and times are; default UTC
//	    entity: person          # what a row is, in your words
//	    key: ${mail}            # what tells it from the others
//	    row: ${number}          # how events name the row; nothing personal
//	    values: {…}
//	    commands: […]           # one after the other, for each row
//
// A value is a name for something in the row:
//
//	revenue:
//	  column: [Revenue, Umsatz]  # the first that is not blank
//	  text: ["${a} ${b}", "${a}"] # or texts; one that refers to something blank is blank
//	  blank: ["0"]               # counts as blank, too
//	  map: {colour: color} # or the name of one of maps
//	  otherwise: other           # what becomes of a text that map does not know
//	  default: none              # when blank
//	  one_of: [a, b]             # anything else rejects the row
//	  type: money                # text, number, integer, boolean, date, datetime, money, email, phone
//	  currency: USD              # of money; may refer to a column: ${Currency}
//	  times: 1000000             # of money and numbers
//	  decimal, thousands, dates, zone # as of the file
//	  yes: [ja], no: [nein]      # of a boolean
//	  ref: person                # it is the key of that entity, and stands for its id
//	  optional: true             # the file may lack the column
//
// They apply in this order. "revenue: Umsatz" is short for {column: Umsatz}.
// Blanks around a text are always cut off. ${name} is the value of that name,
// else the column; $${ is a plain ${.
//
// A command is one of POST /v1/commands:
//
//   - command: customer.add_contact_point
//     entity: person            # whom it is about; default: the row
//     key: ${Manager}           # goes with entity; blank: no command
//     each: phones              # for each item of a list of the row
//     when: {Status: [Won, Lost]} # all must hold: it is one of these
//     unless: {Status: Test}    # it is none of these
//     present: [Mail]           # they are not blank
//     absent: [Phone]           # they are blank
//     part: marketing:email     # of commands that have one
//     occurred_at: ${signed}    # a value of type date or datetime
//     body: {kind: phone, value: "${phones.value}"}
//
// In a body, a text that is one reference keeps its type: a number is a JSON
// number, money an object. What refers to nothing but blank values is left out,
// with the literals beside it, up to the whole command. The ids of created
// things follow from entity and key. The attributes of customer.register, and
// set of customer.change_attributes, may be written as an object, {key: value};
// each attribute then has the kind of its value.
//
// # Formats
//
// CSV is RFC 4180 with any delimiter. A second column of the same name is
// "name#2". A row is rejected, alone, when its number of fields is not the
// header's, a quote is not where one belongs or never closed, or it holds a NUL
// byte or bytes that its encoding does not have. Lines with nothing are skipped.
//
// JSON lines are objects; {"address":{"city":…}} is address.city. A list gives
// items for each: ${phones.number}, or ${phones.value} for plain ones.
//
// A card has for each property a text of its name in lower case (the first) and
// a list of them all. Their items have value, label (work, home fax, mobile, or
// Apple's own label), primary (true), and
//
//	n    family given additional prefix suffix; value is the whole name
//	org  unit; value is the organisation alone
//	adr  street city region postal_code country
//	bday date when it is a whole day, else text
//
// so ${n.given} is the given name, and in each: adr, ${adr.city} the city. Apart
// from these, note holds all notes, kind is person, organization or what KIND
// says, and fingerprint tells cards without UID from another. Photos, logos,
// sounds and keys are not read.
//
// # Decisions
//
//   - 2026-11-22 The CSV reader is our own. encoding/csv reads on after a lone
//     quote until it finds another, and takes all rows between for one field.
//     Ours tries the same, and when the result is no whole row it gives the lines
//     back and rejects the first alone. Should encoding/csv learn to resume, we
//     would use it.
//   - 2026-11-22 The vCard reader is our own, because no library here reads 2.1:
//     quoted-printable with soft breaks, charsets, bare types. It is lenient:
//     what programs write counts, not which standard they claim.
//   - 2026-11-22 Ids are derived and not looked up. There is no table of what was
//     imported, so there is none to lose, and rows in different files find each
//     other without reading one of them into memory. That a referred row exists
//     is the server's to say.
//   - 2026-11-22 A command's body names as its source the mapping and the row, and
//     neither the run, the file nor the line: all three may differ when the same row
//     is imported again, and it must be the same command then. The run is put into
//     the events' source beside it, by the server.
//   - 2026-11-22 References in a mapping are ${…} and nothing more: no functions,
//     no arithmetic but times. Who needs more prepares the file.
package importing
