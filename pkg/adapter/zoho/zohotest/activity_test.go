package zohotest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

func TestNotesAndTasksThatZohoRefusesAreRefused(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := zohotest.New(zohotest.Options{Now: func() time.Time { return now }, AccessToken: "t"})
	id, err := s.Create(crm.Contacts, map[string]string{"Last_Name": "Anna"})
	if err != nil {
		t.Fatal(err)
	}
	notes, parent := "/Contacts/"+id+"/Notes", `"Parent_Id":{"module":{"api_name":"Contacts"},"id":"`+id+`"}`
	who := `"Who_Id":{"id":"` + id + `"}`
	for _, c := range []struct{ name, path, body, want string }{
		{"a note", notes, `{"Note_Content":"x",` + parent + `}`, ""},
		{"a note without content", notes, `{"Note_Title":"x",` + parent + `}`, "Note_Content"},
		{"a note without a parent", notes, `{"Note_Content":"x"}`, "Parent_Id"},
		{"a note whose parent is an id alone", notes, `{"Note_Content":"x","Parent_Id":"` + id + `"}`, "Parent_Id"},
		{"a note whose parent is another one", notes, `{"Note_Content":"x","Parent_Id":{"module":{"api_name":"Contacts"},"id":"1"}}`, "Parent_Id"},
		{"a note on nobody", "/Contacts/12/Notes", `{"Note_Content":"x",` + parent + `}`, "id given seems to be invalid"},
		{"too long a title", notes, `{"Note_Content":"x","Note_Title":"` + strings.Repeat("t", 121) + `",` + parent + `}`, "maximum_length"},
		{"too long a note", notes, `{"Note_Content":"` + strings.Repeat("t", 65536) + `",` + parent + `}`, "maximum_length"},
		{"a number for a text", notes, `{"Note_Content":5,` + parent + `}`, "Note_Content"},
		{"a property of tasks", notes, `{"Note_Content":"x","Subject":"x",` + parent + `}`, "Subject"},
		{"a task", "/Tasks", `{"Subject":"x","Due_Date":"2026-11-21","Priority":"High","Status":"Not Started",` + who + `}`, ""},
		{"a task without a subject", "/Tasks", `{"Description":"x",` + who + `}`, "Subject"},
		{"a task on nobody", "/Tasks", `{"Subject":"x"}`, "Who_Id"},
		{"a day that is none", "/Tasks", `{"Subject":"x","Due_Date":"tomorrow",` + who + `}`, "Due_Date"},
		{"a status that is none", "/Tasks", `{"Subject":"x","Status":"NOT_STARTED",` + who + `}`, "supported_values"},
		{"a property of notes", "/Tasks", `{"Subject":"x","Note_Content":"x",` + who + `}`, "Note_Content"},
	} {
		req, err := http.NewRequest(http.MethodPost, "https://www.zohoapis.eu/crm/v8"+c.path, strings.NewReader(`{"data":[`+c.body+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Zoho-oauthtoken t")
		answer, err := s.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && answer.StatusCode != http.StatusCreated || c.want != "" && (answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), c.want)) {
			t.Errorf("%s: %d %.300s", c.name, answer.StatusCode, text)
		}
	}
	if len(s.Notes()) != 1 || len(s.Tasks()) != 1 {
		t.Errorf("%d notes and %d tasks were kept", len(s.Notes()), len(s.Tasks()))
	}
}

func TestNotesOfAMergedContactAreTheSurvivors(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := zohotest.New(zohotest.Options{Now: func() time.Time { return now }, AccessToken: "t"})
	var ids []string
	for _, name := range []string{"Anna", "Anna B."} {
		id, err := s.Create(crm.Contacts, map[string]string{"Last_Name": name})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	body := `{"data":[{"Note_Content":"x","Parent_Id":{"module":{"api_name":"Contacts"},"id":"` + ids[1] + `"}}]}`
	req, err := http.NewRequest(http.MethodPost, "https://www.zohoapis.eu/crm/v8/Contacts/"+ids[1]+"/Notes", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Zoho-oauthtoken t")
	if answer, err := s.Transport().RoundTrip(req); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatal(err, answer)
	}
	if _, err := s.Merge(crm.Contacts, ids[0], ids[1]); err != nil {
		t.Fatal(err)
	}
	if notes := s.Notes(); len(notes) != 1 || notes[0].Parent != ids[0] {
		t.Errorf("notes %+v", notes)
	}
}
