package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// KeptFor is how long the attempts of an operation are remembered: a day longer than its message can live.
const KeptFor = 15 * 24 * time.Hour

// AttemptsKey returns the key of the row that counts the attempts of an operation.
func AttemptsKey(operation string) row.Key {
	return row.Key{Part: "attempts#" + operation, Sort: "attempts"}
}

// try is what is remembered of the attempts at one operation. A message in SQS cannot be changed, and its receive count also
// counts throttles and neighbours.
type try struct {
	key     row.Key
	version int64
	changed bool
	marked  bool // started in this batch

	V      int            `json:"v"`
	Starts int            `json:"starts,omitempty"` // since the last outcome
	Faults map[string]int `json:"faults,omitempty"` // counted ones, by kind
}

// start notes that the operation is about to be worked on, once a batch.
func (t *try) start() {
	if !t.marked {
		t.Starts++
		t.marked, t.changed = true, true
	}
}

// survived notes that the batch went on after the start, whatever came of it.
func (t *try) survived() {
	if t.marked {
		t.Starts, t.changed = 0, true
	}
}

// tries are the attempts that one batch deals with.
type tries struct {
	store Store
	now   func() time.Time
	known map[row.Key]*try
}

// load fetches what is remembered about the messages, in one call.
func (s *tries) load(ctx context.Context, lines ...*line) error {
	var keys []row.Key
	asked := map[row.Key]bool{}
	for _, n := range lines {
		if k := n.key(); s.known[k] == nil && !asked[k] {
			keys, asked[k] = append(keys, k), true
		}
	}
	if len(keys) > 0 {
		rows, err := s.store.Get(ctx, keys...)
		if err != nil {
			return err
		}
		if s.known == nil {
			s.known = map[row.Key]*try{}
		}
		for _, r := range rows {
			s.known[r.Key] = read(r)
		}
	}
	for _, n := range lines {
		n.try = s.known[n.key()]
	}
	return nil
}

func (n *line) key() row.Key {
	if n.Bad != nil {
		return AttemptsKey("message/" + n.ID)
	}
	return AttemptsKey(n.Operation.ID)
}

// read takes a row that it cannot read for none: the counting begins anew.
func read(r row.Row) *try {
	t := &try{}
	if json.Unmarshal(r.Value, t) != nil {
		t = &try{}
	}
	t.V, t.key, t.version = 1, r.Key, r.Version
	return t
}

// count notes a counted fault and returns how many of its kind there were, this one included. It returns 0 and an error when
// that cannot be looked up.
func (s *tries) count(ctx context.Context, n *line, kind fault.Kind) (int, error) {
	if n.try == nil {
		if err := s.load(ctx, n); err != nil {
			return 0, err
		}
	}
	if n.try.Faults == nil {
		n.try.Faults = map[string]int{}
	}
	n.try.Faults[kind.String()]++
	n.try.changed = true
	return n.try.Faults[kind.String()], nil
}

// save writes what has changed, in one transaction unless somebody else counts the same operation. It returns the attempts
// that could not be written and why; those are forgotten, so that they are read again before they are used.
func (s *tries) save(ctx context.Context) map[*try]error {
	var changed []*try
	for _, t := range s.known {
		if t.changed {
			changed = append(changed, t)
		}
	}
	slices.SortFunc(changed, func(a, b *try) int { return cmp.Compare(a.key.Part, b.key.Part) }) // a batch does the same each time
	err := s.write(ctx, changed)
	if err == nil {
		return nil
	}
	failed := map[*try]error{}
	for _, t := range changed {
		if errors.Is(err, row.ErrConflict) && len(changed) > 1 {
			if one := s.write(ctx, []*try{t}); one != nil {
				failed[t] = one
			}
			continue
		}
		failed[t] = err
	}
	for t := range failed {
		delete(s.known, t.key)
	}
	return failed
}

func (s *tries) write(ctx context.Context, changed []*try) error {
	if len(changed) == 0 {
		return nil
	}
	var puts []row.Put
	for _, t := range changed {
		p := row.Put{Key: t.key, If: t.version}
		if t.Starts == 0 && len(t.Faults) == 0 {
			p.Delete = true
		} else {
			p.Expires = s.now().Add(KeptFor)
			value, err := json.Marshal(t)
			if err != nil {
				return &fault.Error{Op: "inbox.Attempts", Kind: fault.Ours, Err: err}
			}
			p.Value = value
		}
		puts = append(puts, p)
	}
	if err := s.store.Put(ctx, puts...); err != nil {
		return err
	}
	for _, t := range changed {
		t.changed, t.version = false, t.version+1
	}
	return nil
}
