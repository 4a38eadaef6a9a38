package digest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/core/row"
)

func TestEachRowIsToldOnce(t *testing.T) {
	b := newBench()
	b.run(t, 0)
	b.open(t, parked("7", "phone"), parked("8", "email"))
	b.run(t, 2)
	b.open(t, parked("7", "phone"), parked("9", "phone"))
	b.run(t, 1)
	b.run(t, 0)
	if len(b.mailer.mails) != 2 {
		t.Fatalf("%d mails, want 2", len(b.mailer.mails))
	}
	m := b.mailer.mails[0]
	if m.ID != "d-1" || m.From != "reports@example.com" || m.To != "client@example.com" || m.Subject != "CRM: 2 operations failed" {
		t.Errorf("mail %s from %s to %s: %s", m.ID, m.From, m.To, m.Subject)
	}
	for _, p := range b.list(t) {
		want := "d-1"
		if p.Record.Key == "9" {
			want = "d-2"
		}
		if p.Digest != want {
			t.Errorf("row of %s told by %q, want %q", p.Record.Key, p.Digest, want)
		}
	}
	if left := b.rows.Len(); left != 3 {
		t.Errorf("%d rows in the table, want the 3 open ones", left)
	}
}

func TestARowThatWasSettledBeforeItWasToldIsNeverTold(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	b.settle(t, "7")
	b.run(t, 0)

	b.mailer.err = &fault.Error{Op: "mail.Send", Kind: fault.Down}
	b.mailer.lost = true
	b.open(t, parked("7", "phone"), parked("8", "phone"))
	if _, err := b.Run(t.Context()); err == nil {
		t.Fatal("no error while the mail server is down")
	}
	b.settle(t, "7")
	b.mailer.err, b.mailer.lost = nil, false
	b.run(t, 1)
	if text := b.mailer.mails[0].Text; strings.Contains(text, "contact 7") || !strings.Contains(text, "contact 8") {
		t.Errorf("the mail tells what was settled: %s", text)
	}

	b.mailer.err, b.mailer.lost = &fault.Error{Op: "mail.Send", Kind: fault.Throttled}, true
	b.open(t, parked("9", "phone"))
	if _, err := b.Run(t.Context()); err == nil {
		t.Fatal("no error while the mail server is busy")
	}
	b.settle(t, "9")
	b.mailer.err, b.mailer.lost = nil, false
	b.run(t, 0)
	if len(b.mailer.mails) != 1 || b.rows.Len() != 3 {
		t.Errorf("%d mails, want 1; %d rows in the table, want one open and two closed", len(b.mailer.mails), b.rows.Len())
	}
}

func TestARowThatComesBackAfterItWasSettledIsToldAgain(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	b.run(t, 1)
	b.settle(t, "7")
	b.open(t, parked("7", "phone"))
	b.run(t, 1)
}

func TestALockedRecordIsToldOnlyAfterItsTime(t *testing.T) {
	b := newBench()
	locked := parked("7", "")
	locked.MailAfter = noon.Add(24 * time.Hour)
	b.open(t, locked)
	b.now = noon.Add(6 * time.Hour)
	locked.MailAfter = b.now.Add(24 * time.Hour)
	b.open(t, locked)
	b.now = noon.Add(24*time.Hour - time.Nanosecond)
	b.run(t, 0)
	b.now = noon.Add(24 * time.Hour)
	b.run(t, 1)
}

func TestAMailTellsTheOldestTwoHundred(t *testing.T) {
	b := newBench()
	for i := range MaxRows + 1 {
		b.now = noon.Add(-time.Duration(i) * time.Second)
		b.open(t, parked(fmt.Sprint(i), "phone"))
	}
	b.now = noon
	b.run(t, MaxRows)
	if m := b.mailer.mails[0]; !strings.Contains(m.Text, "One more operation follows") || !strings.Contains(m.HTML, "One more operation follows") {
		t.Error("the mail does not say that there is more")
	}
	for _, p := range b.list(t) {
		if p.Digest == "" && p.Record.Key != "0" {
			t.Errorf("row %s was left, and it is not the newest", p.Record.Key)
		}
	}
	b.run(t, 1)
	b.run(t, 0)
}

const possibly = "possibly sent before"

func TestAMailOfUnknownFateIsSentAgainUnderTheSameID(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		says bool
	}{
		{"no answer", &fault.Error{Op: "mail.Send", Kind: fault.Down}, true},
		{"an error that nobody knows", errors.New("?"), true},
		{"throttled", &fault.Error{Op: "mail.Send", Kind: fault.Throttled}, false},
		{"refused", &fault.Error{Op: "mail.Send", Kind: fault.Refused}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			b.open(t, parked("7", "phone"))
			b.mailer.err = tt.err
			for range 2 {
				if _, err := b.Run(t.Context()); !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
			}
			if c, _ := b.ledger.Counts(t.Context()); c.Untold != 1 {
				t.Errorf("%d rows are untold, want 1", c.Untold)
			}
			b.mailer.err = nil
			b.run(t, 1)
			for i, m := range b.mailer.mails {
				says := strings.Contains(m.Text, possibly) && strings.Contains(m.HTML, possibly)
				if m.ID != "d-1" || says != (tt.says && i > 0) {
					t.Errorf("mail %d: id %s, says %q: %v", i, m.ID, possibly, says)
				}
			}
			b.run(t, 0)
		})
	}
}

func TestWhileAMailWaitsNoOtherIsBegun(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	b.mailer.err, b.mailer.lost = &fault.Error{Op: "mail.Send", Kind: fault.Down}, true
	for i := range 5 {
		if _, err := b.Run(t.Context()); err == nil {
			t.Fatal("no error")
		}
		b.open(t, parked(fmt.Sprint("later", i), "phone"))
	}
	b.mailer.err, b.mailer.lost = nil, false
	b.run(t, 6)
	if len(b.mailer.mails) != 2 {
		t.Errorf("%d mails after the outage, want 2", len(b.mailer.mails))
	}
}

func TestACrashAnywhereLosesNoRow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		writes int // that succeed before the crash
		mails  int
		says   bool // the last mail says that it may be a second one
	}{
		{"before rows were claimed", 1, 1, false},
		{"before it was tried", 2, 1, false},
		{"after it was sent", 3, 2, true},
		{"after its rows were marked", 4, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			b.open(t, parked("7", "phone"), parked("8", "phone"))
			b.store.writes = tt.writes
			if _, err := b.Run(t.Context()); !errors.Is(err, errGone) {
				t.Fatalf("error %v, want %v", err, errGone)
			}
			b.store.mend()
			sent := len(b.mailer.mails)
			for range 2 {
				if _, err := b.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if tt.writes > 1 && b.now == noon && len(b.mailer.mails) != sent {
					t.Error("a second run took the mail of the first at once")
				}
				b.now = b.now.Add(Lease)
			}
			if got := len(b.mailer.mails); got != tt.mails {
				t.Fatalf("%d mails, want %d", got, tt.mails)
			}
			last := b.mailer.mails[tt.mails-1]
			if !strings.HasPrefix(last.Subject, "CRM: 2 ") || strings.Contains(last.Text, possibly) != tt.says {
				t.Errorf("the last mail: %s\n%s", last.Subject, last.Text)
			}
			for _, p := range b.list(t) {
				if p.Digest != last.ID {
					t.Errorf("row told by %q, want %q", p.Digest, last.ID)
				}
			}
			if left := b.rows.Len(); left != 2 {
				t.Errorf("%d rows in the table, want 2", left)
			}
		})
	}
}

// mailerFunc is a Mailer that does something else meanwhile.
type mailerFunc func()

func (f mailerFunc) Send(context.Context, letter.Mail) error { f(); return nil }

func TestOfTwoRunsAtTheSameTimeOneSends(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	second := b.Reporter
	second.NewID = func() string { return "second" }
	b.Mailer = mailerFunc(func() {
		b.open(t, parked("8", "phone"))
		if told, err := second.Run(t.Context()); told != 1 || err != nil {
			t.Errorf("the second run told %d, %v; want only the new row", told, err)
		}
	})
	b.run(t, 1)
	if len(b.mailer.mails) != 1 || b.mailer.mails[0].ID != "second" {
		t.Errorf("mails %v", b.mailer.mails)
	}
}

func TestARunThatWasOvertakenBeforeItsClaimTellsNothing(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	second := b.Reporter
	second.NewID = func() string { return "second" }
	inSend, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	second.Mailer = mailerFunc(func() { close(inSend); <-goOn })
	b.NewID = func() string { // the first run has seen the row free, and claims it next
		go func() {
			_, err := second.Run(t.Context())
			done <- err
		}()
		<-inSend
		return "first"
	}
	told, err := b.Run(t.Context())
	close(goOn)
	if err := errors.Join(err, <-done); err != nil || told != 0 || len(b.mailer.mails) != 0 {
		t.Errorf("the first run told %d in %d mails: %v", told, len(b.mailer.mails), err)
	}
	if got := b.list(t); got[0].Digest != "second" {
		t.Errorf("the row was told by %q", got[0].Digest)
	}
}

func TestAMailThatAnotherRunTakesIsLeft(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	b.mailer.err = &fault.Error{Op: "mail.Send", Kind: fault.Throttled}
	if _, err := b.Run(t.Context()); err == nil {
		t.Fatal("no error")
	}
	b.mailer.err, b.mailer.mails = nil, nil
	second, once := b.Reporter, true
	second.Store = b.rows
	b.Store = &racing{Store: b.rows, times: 1, first: func() {
		if told, err := second.Run(t.Context()); once && (told != 1 || err != nil) {
			t.Errorf("the second run told %d, %v", told, err)
		}
		once = false
	}}
	b.run(t, 0)
	if len(b.mailer.mails) != 1 {
		t.Errorf("%d mails, want 1", len(b.mailer.mails))
	}
}

func TestAClaimOfAMailThatIsGoneHoldsNothing(t *testing.T) {
	b := newBench()
	b.open(t, parked("7", "phone"))
	if err := b.claim(t.Context(), "lost", []row.Key{openKey(b.list(t)[0])}, nil); err != nil {
		t.Fatal(err)
	}
	b.run(t, 1)
}

func TestAnUnknownLanguageIsToldAtOnce(t *testing.T) {
	b := newBench()
	b.Language = "de"
	if _, err := b.Run(t.Context()); fault.KindOf(err) != fault.Setup {
		t.Errorf("error %v, want kind %s", err, fault.Setup)
	}
}

func TestARowOfAMailThatCannotBeReadStopsTheRun(t *testing.T) {
	b := newBench()
	if err := b.rows.Put(t.Context(), row.Put{Key: row.Key{Part: partMails, Sort: "x"}, Value: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Run(t.Context()); err == nil {
		t.Error("no error")
	}
}

// Whatever fails and whoever settles what, in the end every open row was told, and no mail told a row that was not open.
func TestInTheEndEveryOpenRowIsTold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench()
		open := map[string]bool{}
		seen := 0
		check := func() {
			for _, m := range b.mailer.mails[seen:] {
				for key := range 5 {
					if strings.Contains(m.Text, fmt.Sprintf("contact %d\n", key)) && !open[fmt.Sprint(key)] {
						rt.Fatalf("mail %s tells %d, which was not open", m.ID, key)
					}
				}
			}
			seen = len(b.mailer.mails)
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 4).Draw(rt, "record"))
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				b.open(t, parked(key, "phone"))
				open[key] = true
			case 1:
				b.settle(t, key)
				open[key] = false
			case 2:
				b.now = b.now.Add(time.Duration(rapid.IntRange(0, 200).Draw(rt, "seconds")) * time.Second)
			case 3:
				b.mailer.err = rapid.SampledFrom([]error{nil, &fault.Error{Kind: fault.Down}, &fault.Error{Kind: fault.Throttled}}).Draw(rt, "answer")
				b.mailer.lost = b.mailer.err != nil && rapid.Bool().Draw(rt, "lost")
			case 4:
				b.store.writes = rapid.IntRange(0, 6).Draw(rt, "writes")
				_, _ = b.Run(t.Context())
				b.store.mend()
				check()
			}
		}
		b.mailer.err, b.mailer.lost = nil, false
		b.now = b.now.Add(Lease)
		for range 3 {
			if _, err := b.Run(t.Context()); err != nil {
				rt.Fatal(err)
			}
			check()
		}
		told := strings.Builder{}
		for _, m := range b.mailer.mails {
			told.WriteString(m.Text)
		}
		for _, p := range b.list(t) {
			if p.Digest == "" || !strings.Contains(told.String(), "contact "+p.Record.Key+"\n") {
				rt.Fatalf("row %s was never told", p.Record.Key)
			}
		}
	})
}
