package nodebench

import (
	"fmt"
	"text/tabwriter"
	"time"
)

func (b *bench) table(rows func(row func(format string, args ...any))) error {
	w := tabwriter.NewWriter(b.Out, 0, 0, 2, ' ', 0)
	rows(func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\t\n", args...) }) // Flush tells
	return w.Flush()
}

func (b *bench) printAppends(ours, raw [][]pace, with []shared, batches []pace) error {
	return b.table(func(row func(string, ...any)) {
		row("\none event per append, durable\tper second\tp50 ms\tp99 ms\tCPU µs\tof raw\tin a batch\tin a sync")
		for i, n := range writers {
			p := medianOf(ours[i])
			row("%d writing, client and node\t%.0f\t%s\t%s\t%s\t%.2f\t%.1f\t%.1f", n, p.rate, ms(p.p50), ms(p.p99), us(p.cpu),
				median(ratios(ours[i], raw[i])), with[i].groups, with[i].syncs)
			p = medianOf(raw[i])
			row("%d writing, raw Pebble\t%.0f\t%s\t%s\t%s", n, p.rate, ms(p.p50), ms(p.p99), us(p.cpu))
		}
		p := medianOf(batches)
		row("\n%d events per append, 4 writers\tevents/s\tp50 ms\tp99 ms\tCPU µs/event", batch)
		row("client and node\t%.0f\t%s\t%s\t%s", p.rate, ms(p.p50), ms(p.p99), us(p.cpu))
	})
}

func (b *bench) printReads(events int, client, lean, raw []pace) error {
	return b.table(func(row func(string, ...any)) {
		row("\n$all from the start, %d events\tevents/s\tCPU µs/event\tof raw", events)
		for _, r := range []struct {
			name  string
			paces []pace
		}{{"our reader", lean}, {"client", client}} {
			p := medianOf(r.paces)
			row("%s\t%.0f\t%s\t%.2f", r.name, p.rate, us(p.cpu), median(ratios(r.paces, raw)))
		}
		p := medianOf(raw)
		row("raw Pebble, opening included\t%.0f\t%s", p.rate, us(p.cpu))
	})
}

func (b *bench) printFootprint(events int, f footprint) error {
	return b.table(func(row func(string, ...any)) {
		row("\na process of its own, %d events\t", events)
		row("start, from the command to ready\t%s ms", ms(f.start))
		row("resident after the start\t%s MiB", mib(f.started))
		row("after reading all of $all\t%s MiB", mib(f.read))
		row("after appends by 64 writers for %s\t%s MiB", b.Duration, mib(f.written))
		row("at most\t%s MiB", mib(f.peak))
	})
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) }
func us(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1e6) }

func mib(bytes int64) string {
	if bytes == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.0f", float64(bytes)/(1<<20))
}
