package zoho_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func person(t *testing.T, s *zohotest.Server, name string) string {
	t.Helper()
	id, err := s.Create(crm.Contacts, map[string]string{"Last_Name": name})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAMessageBecomesANoteThatIsFoundByItsMark(t *testing.T) {
	c, server, at := sandbox()
	anna, bruno := person(t, server, "Anna"), person(t, server, "Bruno")
	id, err := c.Log(t.Context(), anna, crm.Text("a <b>\nwamid.AB+C/D="), *at)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ contact, mark, want string }{{anna, "wamid.AB+C/D=", id}, {bruno, "wamid.AB+C/D=", ""}, {anna, "wamid.other", ""}} {
		if got, err := c.Logged(t.Context(), x.contact, x.mark); err != nil || got != x.want {
			t.Errorf("Logged(%s, %s) = %q, %v, want %q", x.contact, x.mark, got, err, x.want)
		}
	}
	if notes := server.Notes(); len(notes) != 1 || notes[0].Parent != anna || notes[0].Values["Note_Content"] != "a <b>\nwamid.AB+C/D=" {
		t.Errorf("notes %+v", notes)
	}
}

// state is a line that says how far a message has come.
func state(line string) chat.Amendment {
	return chat.Amendment{Line: "> " + line, Heads: []string{"> "}, Mark: "[wamid.1]"}
}

func TestTheStateOfANoteTakesThePlaceOfItsForerunner(t *testing.T) {
	c, server, at := sandbox()
	id, err := c.Log(t.Context(), person(t, server, "Anna"), crm.Text("head\n> text\n[wamid.1]\nwritten by hand"), *at)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"delivered", "read", "read"} {
		if err := c.Amend(t.Context(), id, state(line)); err != nil {
			t.Fatal(err)
		}
	}
	if text := server.Notes()[0].Values["Note_Content"]; text != "head\n> text\n[wamid.1]\nwritten by hand\n> read" {
		t.Errorf("the note says %q", text)
	}
	if n := server.Count("PUT /crm/v8/Notes/{id}"); n != 2 {
		t.Errorf("%d writes: a repeat writes nothing", n)
	}
	if err := c.Amend(t.Context(), "4876876000000999999", state("x")); fault.KindOf(err) != fault.Missing {
		t.Errorf("a note that is gone: %v", err)
	}
}

func TestAFileIsAttachedToItsNoteAndFoundByItsName(t *testing.T) {
	c, server, at := sandbox()
	id, err := c.Log(t.Context(), person(t, server, "Anna"), crm.Text("text"), *at)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte{0xff, 0xd8, 0, '\r', '\n', 0xff, 0xd9}
	if err := c.Attach(t.Context(), id, "m1-così \"è\".jpg", "image/jpeg", data); err != nil {
		t.Fatal(err)
	}
	files := server.Attachments()
	if len(files) != 1 || files[0].Parent != id || string(files[0].Data) != string(data) || files[0].Values["File_Name"] != "m1-così \"è\".jpg" {
		t.Fatalf("attached %+v", files)
	}
	if got, err := c.Attached(t.Context(), id, "m1-"); err != nil || got != files[0].ID {
		t.Errorf("Attached = %q, %v", got, err)
	}
	if err := c.Attach(t.Context(), id, "big.bin", "application/octet-stream", make([]byte, zoho.MaxAttachment+1)); fault.KindOf(err) != fault.Refused {
		t.Errorf("a file that is too large: %v", err)
	}
	if err := c.Attach(t.Context(), id, "large.bin", "application/octet-stream", make([]byte, zoho.MaxAttachment)); fault.KindOf(err) != fault.Refused {
		t.Errorf("files that are too large together: %v", err)
	}
	if n := len(server.Attachments()); n != 1 {
		t.Errorf("%d files were kept", n)
	}
}

func TestATaskIsMadeOnAContact(t *testing.T) {
	c, server, at := sandbox()
	anna := person(t, server, "Anna")
	id, err := c.AddTask(t.Context(), anna, "Answer on WhatsApp", crm.Text("wants a person [m1]"), at.Add(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Tasked(t.Context(), anna, "[m1]"); err != nil || got != id {
		t.Errorf("Tasked = %q, %v", got, err)
	}
	if tasks := server.Tasks(); len(tasks) != 1 || tasks[0].Parent != anna || tasks[0].Values["Status"] != "Not Started" {
		t.Errorf("tasks %+v", tasks)
	}
}

func TestWhatHangsOnAContactThatIsGoneIsMissing(t *testing.T) {
	c, server, at := sandbox()
	gone := person(t, server, "Anna")
	if err := server.Delete(crm.Contacts, gone); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{gone, "", "12/../34"} {
		if _, err := c.Log(t.Context(), id, crm.Text("canary"), *at); fault.KindOf(err) != fault.Missing || strings.Contains(err.Error(), "canary") {
			t.Errorf("Log on %q: %v", id, err)
		}
		if _, err := c.Logged(t.Context(), id, "m"); fault.KindOf(err) != fault.Missing {
			t.Errorf("Logged on %q: %v", id, err)
		}
	}
	if _, err := c.AddTask(t.Context(), gone, "s", crm.Text("t"), *at); err == nil || fault.KindOf(err).Uncertain() {
		t.Errorf("AddTask: %v", err)
	}
}

func TestTooLongANoteIsRefusedWithoutBeingRepeated(t *testing.T) {
	c, server, at := sandbox()
	_, err := c.Log(t.Context(), person(t, server, "Anna"), crm.Text(strings.Repeat("canary", 11000)), *at)
	if fault.KindOf(err) != fault.Refused || strings.Contains(err.Error(), "canary") {
		t.Errorf("Log: %v", err)
	}
}

func TestMoreThanAPageOfNotesIsLookedThrough(t *testing.T) {
	c, server, at := sandbox()
	anna := person(t, server, "Anna")
	for range 2100 { // page alone reaches 2,000
		if _, err := c.Log(t.Context(), anna, crm.Text("another"), *at); err != nil {
			t.Fatal(err)
		}
	}
	last, err := c.Log(t.Context(), anna, crm.Text("the last [m9]"), *at)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Logged(t.Context(), anna, "[m9]"); err != nil || got != last {
		t.Errorf("Logged = %q, %v", got, err)
	}
}

func TestNoNotificationTellsOfWhatWeLog(t *testing.T) {
	at, told := noon, 0
	server := zohotest.New(zohotest.Options{Now: func() time.Time { return at }, AccessToken: "t", ChannelID: "1000", ChannelToken: "c", NotifyURL: "https://door.example.com/zoho",
		Send: func(*http.Request) (int, error) { told++; return http.StatusOK, nil }})
	c := zoho.New(zoho.Config{Tokens: fixed{}, HTTP: server.Transport(), Now: func() time.Time { return at }})
	anna := person(t, server, "Anna")
	at = at.Add(time.Minute)
	server.Tick()
	if told == 0 {
		t.Fatal("the channel does not tell of the contact: this test would hold nothing")
	}
	told = 0
	id, err := c.Log(t.Context(), anna, crm.Text("text"), at)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Amend(t.Context(), id, state("read")); err != nil {
		t.Fatal(err)
	}
	if err := c.Attach(t.Context(), id, "a.txt", "text/plain", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddTask(t.Context(), anna, "s", crm.Text("t"), at); err != nil {
		t.Fatal(err)
	}
	at = at.Add(24 * time.Hour)
	server.Tick()
	if told != 0 {
		t.Errorf("Zoho told of it %d times", told)
	}
}

// fixed is a token that is always good.
type fixed struct{}

func (fixed) Token(context.Context) (crm.Access, error) {
	return crm.Access{Token: crm.NewSecret("t"), Version: 1, Base: "https://www.zohoapis.eu"}, nil
}
func (fixed) Bad(context.Context, int64) error { return nil }
