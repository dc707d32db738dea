package embedded

import "github.com/google/uuid"

// revive undoes a soft delete when something is written to the stream or to its
// metadata: from then on the stream begins after what was deleted.
func (w *writer) revive(g *group, r *request, h, meta *head) error {
	if r.operation != appendEvents {
		w.forget(r.stream)
		return nil
	}
	if isMetastream(r.stream) {
		original, err := w.head(originalOf(r.stream))
		if err != nil {
			return err
		}
		if original.retention.softDeleted() {
			data := softDeleteMetadata
			if n := len(r.events); n > 0 {
				data = r.events[n-1].data
			}
			if err := w.addUndelete(g, r.stream, h, data, original.last+1); err != nil {
				return err
			}
		}
		w.forget(originalOf(r.stream))
		return nil
	}
	if !h.retention.softDeleted() {
		return nil
	}
	data, err := lastMetadata(w.db, r.stream, everything)
	if err != nil {
		return err
	}
	first := h.last + 1 - int64(len(r.events))
	if err := w.addUndelete(g, metastreamOf(r.stream), meta, data, first); err != nil {
		return err
	}
	w.forget(r.stream)
	return nil
}

func (w *writer) addUndelete(g *group, metastream string, meta *head, data []byte, first int64) error {
	data, ok := undeleted(data, first)
	if !ok {
		return nil
	}
	return w.add(g, metastream, meta, meta.last+1,
		[]proposal{{id: uuid.New(), kind: kindMetadata, json: true, data: data}})
}

// forget drops the head of a stream whose metadata changed, and that of its metadata.
func (w *writer) forget(stream string) {
	w.heads.Remove(stream)
	w.heads.Remove(metastreamOf(stream))
}
