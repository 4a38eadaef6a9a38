package zohotest

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What hangs on a record: notes and tasks on contacts, attachments on notes. None of it is a module that notifies: Notes are not
// among the modules of the Notification API, and a channel tells of tasks only if it names them (Zoho docs: Notifications).
// A related change moves no Modified_Time here; whether Zoho moves it is not documented.

const (
	mostFile      = 20 << 20 // bytes of a note's attachments together (Zoho docs: Upload an Attachment)
	mostFiles     = 5        // attachments of a note (Zoho docs: OpenAPI file, $attachments)
	mostNotes     = 100      // Zoho docs: Create Notes
	noteTitleSize = 120
	noteTextSize  = 65535
)

// activity is one thing that hangs on a record.
type activity struct {
	id     string
	list   string // Notes, Tasks, Attachments
	parent string
	values map[string]any
	data   []byte // of an attachment
	at     time.Time
}

// Activity is a note, a task or an attachment as a person sees it.
type Activity struct {
	ID     string
	Parent string // the contact, of an attachment the note
	Values map[string]string
	Data   []byte // of an attachment
	Made   time.Time
}

// Notes returns all notes in the order of their making, Tasks all tasks, Attachments all attachments.
func (s *Server) Notes() []Activity { return s.hanging("Notes") }

// Tasks returns all tasks in the order of their making.
func (s *Server) Tasks() []Activity { return s.hanging("Tasks") }

// Attachments returns all attachments of notes in the order of their making.
func (s *Server) Attachments() []Activity { return s.hanging("Attachments") }

func (s *Server) hanging(list string) (out []Activity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.activities {
		if a.list != list {
			continue
		}
		one := Activity{ID: a.id, Parent: a.parent, Values: map[string]string{}, Data: slices.Clone(a.data), Made: a.at}
		for name, v := range a.values {
			if text, ok := v.(string); ok {
				one.Values[name] = text
			}
		}
		out = append(out, one)
	}
	return out
}

// routeActivity finds the handler of a call about what hangs on a record.
func (s *Server) routeActivity(c *call, seg []string) bool {
	shape := ""
	switch {
	case len(seg) == 3 && seg[0] == "Contacts" && (seg[2] == "Notes" || seg[2] == "Tasks"), len(seg) == 3 && seg[0] == "Notes" && seg[2] == "Attachments":
		c.key, shape = seg[1], seg[0]+"/{id}/"+seg[2]
	case len(seg) == 2 && seg[0] == "Notes":
		c.key, shape = seg[1], "Notes/{id}"
	case len(seg) == 1 && seg[0] == "Tasks":
		shape = "Tasks"
	default:
		return false
	}
	c.pattern = c.r.Method + " " + apiPrefix + shape
	c.handle = map[string]func(*Server, *call) reply{
		"POST /crm/v8/Contacts/{id}/Notes": (*Server).addNotes, "GET /crm/v8/Contacts/{id}/Notes": (*Server).listNotes,
		"GET /crm/v8/Contacts/{id}/Tasks": (*Server).listTasks, "POST /crm/v8/Tasks": (*Server).addTasks,
		"GET /crm/v8/Notes/{id}": (*Server).getNote, "PUT /crm/v8/Notes/{id}": (*Server).putNote,
		"POST /crm/v8/Notes/{id}/Attachments": (*Server).addAttachment, "GET /crm/v8/Notes/{id}/Attachments": (*Server).listAttachments,
	}[c.pattern]
	if c.handle == nil {
		c.refused = &refusal{code: "INVALID_REQUEST_METHOD", message: "The http request method type is not a valid one"}
	}
	return true
}

// livingContact reports whether there is such a contact.
func (s *Server) livingContact(id string) bool {
	r := s.modules["Contacts"].records[id]
	return r != nil && r.alive()
}

func noParent(id string) *refusal {
	return invalidData("the id given seems to be invalid", map[string]any{"id": id, "api_name": "id"})
}

func (s *Server) hang(list, parent string, values map[string]any, data []byte) *activity {
	a := &activity{id: s.nextID(), list: list, parent: parent, values: values, data: data, at: s.now()}
	s.activities, s.activityByID[a.id] = append(s.activities, a), a
	return a
}

func (s *Server) done(a *activity, message string) map[string]any {
	return map[string]any{"code": "SUCCESS", "status": "success", "message": message,
		"details": map[string]any{"id": a.id, "Created_Time": s.zoned(a.at), "Modified_Time": s.zoned(s.now())}}
}

// addNotes makes notes on a contact (Zoho docs: Create Notes): a content, 120 and 65,535 characters, Parent_Id as an object.
func (s *Server) addNotes(c *call) reply {
	e, refused := readEnvelope(c)
	switch {
	case refused != nil:
		return refused.reply()
	case len(e.Data) > mostNotes:
		return invalidData("invalid data", map[string]any{"api_name": "data", "maximum_length": mostNotes}).reply()
	case !s.livingContact(c.key):
		return noParent(c.key).reply()
	}
	var out []any
	failed := 0
	for _, item := range e.Data {
		if refused := checkNote(item, c.key); refused != nil {
			failed++
			out = append(out, refused.item())
			continue
		}
		values := maps.Clone(item)
		delete(values, "Parent_Id")
		out = append(out, s.done(s.hang("Notes", c.key, values, nil), "record added"))
	}
	return asJSON(statusOf(len(out), failed, 0, http.StatusCreated), map[string]any{"data": out})
}

// checkNote judges a note; contact is "" for a change, which names no parent.
func checkNote(item map[string]any, contact string) *refusal {
	if contact != "" {
		parent, _ := item["Parent_Id"].(map[string]any)
		module, _ := parent["module"].(map[string]any)
		switch {
		case parent == nil:
			return &refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": "Parent_Id", "json_path": "$.data[0].Parent_Id"}}
		case module["api_name"] != "Contacts" || parent["id"] != contact:
			return invalidData("invalid data", map[string]any{"api_name": "Parent_Id", "json_path": "$.data[0].Parent_Id"})
		}
		if text, _ := item["Note_Content"].(string); text == "" {
			return &refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": "Note_Content", "json_path": "$.data[0].Note_Content"}}
		}
	}
	return checkTexts(item, map[string]int{"Note_Title": noteTitleSize, "Note_Content": noteTextSize}, "Parent_Id")
}

// checkTexts judges texts by their lengths; keys that nobody knows are refused.
func checkTexts(item map[string]any, most map[string]int, besides ...string) *refusal {
	for _, name := range sortedKeys(item) {
		limit, known := most[name]
		if !known && slices.Contains(besides, name) {
			continue
		}
		at := map[string]any{"api_name": name, "json_path": "$.data[0]." + name}
		text, ok := item[name].(string)
		switch {
		case !known:
			return invalidData("invalid data", at)
		case !ok:
			at["expected_data_type"] = "text"
			return invalidData("invalid data", at)
		case utf8.RuneCountInString(text) > limit:
			at["maximum_length"] = limit
			return invalidData("invalid data", at)
		}
	}
	return nil
}

var taskChoices = map[string][]string{"Priority": {"High", "Highest", "Low", "Lowest", "Normal"},
	"Status": {"Not Started", "Deferred", "In Progress", "Completed", "Waiting for input"}}

// addTasks makes tasks (Zoho docs: Insert Records; Kaizen #36). Only the subject is mandatory; one that hangs on nobody would be
// seen by nobody, so a contact is asked for here.
func (s *Server) addTasks(c *call) reply {
	e, refused := readEnvelope(c)
	if refused != nil {
		return refused.reply()
	}
	var out []any
	failed := 0
	for _, item := range e.Data {
		who, _ := item["Who_Id"].(map[string]any)
		id, _ := who["id"].(string)
		if refused := s.checkTask(item, id); refused != nil {
			failed++
			out = append(out, refused.item())
			continue
		}
		values := maps.Clone(item)
		delete(values, "Who_Id")
		out = append(out, s.done(s.hang("Tasks", id, values, nil), "record added"))
	}
	return asJSON(statusOf(len(out), failed, 0, http.StatusCreated), map[string]any{"data": out})
}

func (s *Server) checkTask(item map[string]any, contact string) *refusal {
	if text, _ := item["Subject"].(string); text == "" {
		return &refusal{code: "MANDATORY_NOT_FOUND", message: "required field not found", details: map[string]any{"api_name": "Subject", "json_path": "$.data[0].Subject"}}
	}
	if !s.livingContact(contact) {
		return invalidData("the id given seems to be invalid", map[string]any{"api_name": "Who_Id", "json_path": "$.data[0].Who_Id.id", "id": contact})
	}
	if refused := checkTexts(item, map[string]int{"Subject": 255, "Description": 32000, "Due_Date": 10, "Priority": 120, "Status": 120}, "Who_Id"); refused != nil {
		return refused
	}
	if day, ok := item["Due_Date"].(string); ok {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return invalidData("invalid data", map[string]any{"api_name": "Due_Date", "expected_data_type": "date", "json_path": "$.data[0].Due_Date"})
		}
	}
	for _, name := range sortedKeys(taskChoices) {
		if v, ok := item[name].(string); ok && !slices.Contains(taskChoices[name], v) {
			return invalidData("invalid data", map[string]any{"api_name": name, "supported_values": taskChoices[name], "json_path": "$.data[0]." + name})
		}
	}
	return nil
}

func (s *Server) note(id string) *activity {
	a := s.activityByID[id]
	if a == nil || a.list != "Notes" || !s.livingContact(a.parent) { // a note goes with its record (Zoho docs: Delete Records)
		return nil
	}
	return a
}

// getNote answers one note, or 204 (Zoho docs: Get Notes).
func (s *Server) getNote(c *call) reply {
	fields, refused := fieldsOf(c, false)
	if refused != nil {
		return refused.reply()
	}
	if a := s.note(c.key); a != nil {
		return asJSON(http.StatusOK, map[string]any{"data": []any{a.row(fields)}})
	}
	return empty(http.StatusNoContent)
}

func (a *activity) row(fields []string) map[string]any {
	row := map[string]any{"id": a.id}
	for _, name := range fields {
		row[name] = a.values[name]
	}
	return row
}

// putNote changes a note (Zoho docs: Update Notes).
func (s *Server) putNote(c *call) reply {
	e, refused := readEnvelope(c)
	if refused != nil {
		return refused.reply()
	}
	a := s.note(c.key)
	if a == nil {
		return noParent(c.key).reply()
	}
	if refused := checkNote(e.Data[0], ""); refused != nil {
		return asJSON(http.StatusBadRequest, map[string]any{"data": []any{refused.item()}})
	}
	maps.Copy(a.values, e.Data[0])
	return asJSON(http.StatusOK, map[string]any{"data": []any{s.done(a, "record updated")}})
}

func (s *Server) listNotes(c *call) reply { return s.listHanging(c, "Notes", s.livingContact(c.key)) }
func (s *Server) listTasks(c *call) reply { return s.listHanging(c, "Tasks", s.livingContact(c.key)) }
func (s *Server) listAttachments(c *call) reply {
	return s.listHanging(c, "Attachments", s.note(c.key) != nil)
}

// listHanging lists what hangs on a record, oldest first: fields are mandatory, 200 a page, 204 for none (Zoho docs: Get Related
// Records).
func (s *Server) listHanging(c *call, list string, there bool) reply {
	fields, refused := fieldsOf(c, true)
	if refused != nil {
		return refused.reply()
	}
	if !there {
		return noParent(c.key).reply()
	}
	var all []*activity
	for _, a := range s.activities {
		if a.list == list && a.parent == c.key {
			all = append(all, a)
		}
	}
	from, to, info, refused := s.page(c, len(all), mostPerPage)
	switch {
	case refused != nil:
		return refused.reply()
	case from == to:
		return empty(http.StatusNoContent)
	}
	rows := []any{}
	for _, a := range all[from:to] {
		rows = append(rows, a.row(fields))
	}
	return asJSON(http.StatusOK, map[string]any{"data": rows, "info": info})
}

// addAttachment takes one file (Zoho docs: Upload an Attachment).
func (s *Server) addAttachment(c *call) reply {
	note := s.note(c.key)
	if note == nil {
		return noParent(c.key).reply()
	}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return invalidData("invalid data", map[string]any{"expected_data_type": "multipart"}).reply()
	}
	part, err := multipart.NewReader(bytes.NewReader(c.body), params["boundary"]).NextPart()
	if err != nil || part.FormName() != "file" || part.FileName() == "" {
		return (&refusal{code: "REQUIRED_PARAM_MISSING", message: "One of the expected parameter is missing", details: map[string]any{"param_name": "file"}}).reply()
	}
	data, err := io.ReadAll(part)
	if err != nil {
		return invalidData("invalid data", nil).reply()
	}
	files, sum := 0, len(data)
	for _, a := range s.activities {
		if a.list == "Attachments" && a.parent == note.id {
			files, sum = files+1, sum+len(a.data)
		}
	}
	switch {
	case sum > mostFile || strings.HasSuffix(strings.ToLower(part.FileName()), ".exe"):
		return (&refusal{code: "FILE_SIZE_EXCEEDS", message: "the file cannot be taken"}).reply() // assembled
	case files >= mostFiles:
		return (&refusal{code: "LIMIT_EXCEEDED", message: "the limit of attachments has been exceeded"}).reply() // assembled
	}
	a := s.hang("Attachments", note.id, map[string]any{"File_Name": part.FileName(), "Content_Type": part.Header.Get("Content-Type")}, data)
	return asJSON(http.StatusOK, map[string]any{"data": []any{s.done(a, "attachment uploaded successfully")}})
}
