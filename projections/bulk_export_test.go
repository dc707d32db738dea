package projections

// Windows has the builder, which is in bulk, end a window after so many events, or
// when its rows take so many bytes.
func Windows(b *Builder, events int64, bytes int) { b.window.events, b.window.bytes = events, bytes }
