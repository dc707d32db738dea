package conformance

import (
	"testing"

	"crm/eventstore/faulttest"
	"crm/eventstore/mutation"
)

// everyTime is how many mutants, from the first on, are tried each time. All of
// them are with CRM_FAULTS=large.
const everyTime = 8

// TestMutants builds the node with one mistake in it and demands that this suite
// notices. The first five are those that suites of the protocol are known to miss.
func TestMutants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds nine nodes")
	}
	if *foreign != "" {
		t.Skip("mutants are made of our node")
	}
	tried := mutants()
	mutation.Applies(t, tried...)
	if !faulttest.Large() {
		tried = tried[:everyTime]
	}
	mutation.Run(t, tried...)
}

func mutants() []mutation.Mutant {
	var all []mutation.Mutant
	add := func(name, file, was, is, test string) {
		all = append(all, mutation.Mutant{
			Name: name, File: "eventstore/embedded/" + file, Old: was, New: is,
			Package: "./eventstore/conformance", Test: "^" + test + "$",
		})
	}
	// These two wait for what never comes, and so are begun first.
	add("a subscriber is never woken", "horizon.go",
		"if h.moved != nil {", "if h.moved != nil && position == 0 {", "TestEverybodyIsWoken")
	add("$maxAge is ignored", "read.go",
		"if h.retention.maxAge > 0 {", "if h.retention.maxAge < 0 {", "TestMaxAge")
	add("a subscription to $all starts inclusive", "subscribe.go",
		"span{first: done + 1, last: end}", "span{first: max(done, 1), last: end}", "TestSubscriptionsToAllStartAfterAPosition")
	add("a subscription to a stream starts inclusive", "subscribe.go",
		"next = from.Revision; next < math.MaxInt64", "next = from.Revision; next > math.MaxInt64", "TestSubscriptionsToAStreamStartAfterARevision")
	add("a future expected revision is accepted", "checkcommit.go",
		"case expected > h.last:\n\t\treturn decision{verdict: wrong}, nil", "case expected > h.last:\n\t\treturn decision{verdict: accepted}, nil", "TestCheckCommit")

	add("a partial overlap is accepted", "checkcommit.go",
		"if i == 0 {\n\t\t\t\treturn decision{verdict: accepted}", "if i >= 0 {\n\t\t\t\treturn decision{verdict: accepted}", "TestCheckCommit")
	add("a soft-deleted stream exists", "checkcommit.go",
		"if expected == expectStreamExists {\n\t\tif h.retention.softDeleted() {", "if expected == expectStreamExists {\n\t\tif false {", "TestCheckCommit")
	add("reads of $all include backwards", "read.go",
		"s.last = min(end, position-1)", "s.last = min(end, position)", "TestReadsOfAllIncludeForwardsAndExcludeBackwards")
	add("NoStream is missing from the old field", "append.go",
		"uint64(expected)} // NoStream", "uint64(max(0, expected))} // NoStream", "TestConflictsNameBothRevisions")
	add("a deleted stream's trailers do not name it", "refusals.go",
		"is deleted.\", stream),\n\t\t\"stream-name\", headerSafe(stream))", "is deleted.\", stream))", "TestRefusals")
	add("no checkpoint is sent while searching", "cursor.go",
		"k.since >= k.interval {", "k.since >= k.interval && false {", "TestCheckpoints")
	add("the append limit is a byte too high", "append.go",
		"r.size > s.node.cfg.MaxAppendBytes {", "r.size > s.node.cfg.MaxAppendBytes+1 {", "TestTheAppendLimit")

	add("a filter is ignored backwards", "cursor.go",
		"match, err := f.match(", "if u.backwards {\n\t\t\tf = nil\n\t\t}\n\t\tmatch, err := f.match(", "TestReadsCanBeFiltered")
	add("a filter's prefix matches anywhere", "filter.go",
		"bytes.HasPrefix(subject, p)", "bytes.Contains(subject, p)", "TestFilteredSubscriptions")
	add("the form of ids is ignored", "read.go",
		"r.form = stringIDs", "r.form = structuredIDs", "TestBothFormsOfIDs")
	add("$maxCount is one too many", "metadata.go",
		"last-r.maxCount+1", "last-r.maxCount", "TestMetadataHidesEvents")
	add("$tb hides one too many", "metadata.go",
		"first := max(0, r.truncateBefore)", "first := max(0, r.truncateBefore+1)", "TestMetadataHidesEvents")
	add("unsound metadata restricts", "metadata.go",
		"if !sound {", "if !sound && false {", "TestMetadataHidesEvents")
	add("metadata shows all of its history", "stream.go",
		"h.retention = retention{maxCount: 1}", "h.retention = retention{}", "TestMetadataHidesEvents")
	add("metadata loses its type", "metadata.go",
		`= "$metadata"`, `= "metadata"`, "TestASoftDeletedStreamGoesOn")
	add("a soft-deleted stream is empty, not missing", "stream.go",
		"return h.last < 0 || h.retention.softDeleted()", "return h.last < 0", "TestASoftDeletedStreamGoesOn")
	add("a revived stream shows what was deleted", "revive.go",
		"first := h.last + 1 - int64(len(r.events))", "first := int64(0)", "TestASoftDeletedStreamGoesOn")
	add("a tombstone leaves the metadata", "stream.go",
		"if last == deletedRevision {", "if last == deletedRevision && false {", "TestATombstoneIsForGood")
	add("a retry with a revision is refused", "checkcommit.go",
		"return checkRevisions(db, h, expected, ids)", "return decision{verdict: wrong}, nil", "TestCheckCommit")
	add("a retry without a revision is stored again", "checkcommit.go",
		"return checkIDs(db, h, ids)", "return decision{verdict: accepted}, nil", "TestCheckCommit")
	add("a repeated append is answered with the stream's end", "writer.go",
		"r.outcome.current = d.last", "r.outcome.current = h.last", "TestCheckCommit")
	add("an append of nothing revives nothing", "writer.go",
		"return w.revive(g, r, h, meta) // nothing", "return nil // nothing", "TestAppendingNothing")
	add("a type weighs half", "record.go",
		"size += 2 * utf16.RuneLen(r)", "size += utf16.RuneLen(r)", "TestTheAppendLimit")
	add("content types are swapped", "record.go",
		"if p.json {", "if !p.json {", "TestContentTypes")
	add("a refused deletion names one revision twice", "refusals.go",
		"strconv.FormatInt(actual, 10)", "strconv.FormatInt(expected, 10)", "TestRefusals")
	add("a conflict in a batch has another code", "batch.go",
		"packed(codes.AlreadyExists,", "packed(codes.FailedPrecondition,", "TestBatchAppend")
	add("a batch's deadline is ignored", "batch.go",
		"b.fault == nil && !b.deadline.IsZero()", "b.fault != nil && !b.deadline.IsZero()", "TestBatchAppend")
	add("a batch's events are those of its last message", "batch.go",
		"for _, m := range msg.GetProposedMessages() {", "b.events = nil\n\t\tfor _, m := range msg.GetProposedMessages() {", "TestBatchAppend")
	add("methods are announced as they are written", "features.go",
		"strings.ToLower(method)", "method", "TestOnlyWhatIsOfferedIsAnnounced")
	add("nobody leads", "features.go",
		"gossip.MemberInfo_Leader", "gossip.MemberInfo_Follower", "TestGossip")
	add("nobody has caught up", "subscribe.go",
		"if !caughtUp && behind <= chunkFrames {", "if !caughtUp && behind > chunkFrames {", "TestSubscriptionsToAllStartAfterAPosition")
	add("an event goes missing between pages", "cursor.go",
		"if c.full() || considered >= chunkConsidered {\n\t\t\treturn nil", "if c.full() || considered >= chunkConsidered {\n\t\t\ts.first++\n\t\t\treturn nil", "TestLongReads")
	return all
}
