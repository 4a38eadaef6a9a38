package zoho

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// MaxAttachment is the most bytes that the attachments of a note have together
// (https://www.zoho.com/crm/developer/docs/api/v8/upload-attachment.html).
const MaxAttachment = 20 << 20

// noteTitle stands above every note that a message becomes.
const noteTitle = "WhatsApp"

// The properties that activities are looked through by.
const (
	noteContent     = "Note_Content"
	taskDescription = "Description"
	fileName        = "File_Name"
)

// Log writes a WhatsApp message onto a contact as a note and returns its id; fault.Missing says that there is no such contact.
// A note has no time of its own: at is not sent. Nothing is repeated here, and no automation runs for it
// (https://www.zoho.com/crm/developer/docs/api/v8/create-notes.html).
func (c *Client) Log(ctx context.Context, contact string, text crm.Value, _ time.Time) (string, error) {
	const op = "zoho.Log"
	if !crm.IsKey(contact) {
		return "", noID(op)
	}
	note := map[string]any{"Note_Title": noteTitle, noteContent: text.Text(), "Parent_Id": parent(contact)}
	return c.add(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/Contacts/" + contact + "/Notes", Body: map[string]any{"data": []any{note}}}, text)
}

// Logged returns the id of the note of a contact whose text holds the mark, "" for none. The notes of a record are a list and
// no search: it does not lag (https://www.zoho.com/crm/developer/docs/api/v8/get-notes.html).
func (c *Client) Logged(ctx context.Context, contact, mark string) (string, error) {
	return c.marked(ctx, "zoho.Logged", "/Contacts/", contact, "/Notes", noteContent, mark)
}

// Amend puts a line into a note, in place of its forerunner; what people wrote into the note stays. A repeat is harmless
// (https://www.zoho.com/crm/developer/docs/api/v8/update-notes.html).
func (c *Client) Amend(ctx context.Context, id string, a chat.Amendment) error {
	const op = "zoho.Amend"
	if !crm.IsKey(id) {
		return noID(op)
	}
	var found records
	answer, err := c.read(ctx, rest.Call{Op: op, Path: "/Notes/" + id, Query: url.Values{"fields": {noteContent}}}, &found)
	switch {
	case err != nil:
		return err
	case answer.Status == http.StatusNoContent || len(found.Data) == 0:
		return &fault.Error{Op: op, Kind: fault.Missing, Err: errors.New("the note is gone")}
	}
	was := found.Data[0].text(noteContent)
	now := a.In(was, "\n")
	if now == was {
		return nil
	}
	body := map[string]any{"data": []any{map[string]any{noteContent: now}}}
	_, err = c.add(ctx, rest.Call{Op: op, Method: http.MethodPut, Path: "/Notes/" + id, Body: body}, crm.Text(now))
	return err
}

// Attach adds a file to a note, of at most MaxAttachment bytes (fault.Refused).
func (c *Client) Attach(ctx context.Context, note, name, contentType string, data []byte) error {
	const op = "zoho.Attach"
	switch {
	case !crm.IsKey(note):
		return noID(op)
	case len(data) > MaxAttachment:
		return &fault.Error{Op: op, Kind: fault.Refused, Code: "FILE_SIZE_EXCEEDS", Err: fmt.Errorf("the file has more than %d bytes", MaxAttachment)}
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": name})},
		"Content-Type":        {contentType},
	})
	if err == nil {
		_, err = part.Write(data)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return ours(op, "the file cannot be encoded")
	}
	body := rest.File{ContentType: w.FormDataContentType(), Data: form.Bytes()}
	_, err = c.add(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/Notes/" + note + "/Attachments", Body: body}, crm.Text(name))
	return err
}

// Attached returns the id of the attachment of a note whose name holds the mark, "" for none
// (https://www.zoho.com/crm/developer/docs/api/v8/get-attachments.html).
func (c *Client) Attached(ctx context.Context, note, mark string) (string, error) {
	return c.marked(ctx, "zoho.Attached", "/Notes/", note, "/Attachments", fileName, mark)
}

// AddTask makes a task on a contact, due on the day of an instant, for whoever looks after it. No automation runs for it
// (https://www.zoho.com/crm/developer/docs/api/v8/insert-records.html; Kaizen #36, "Tasks API").
func (c *Client) AddTask(ctx context.Context, contact, subject string, text crm.Value, due time.Time) (string, error) {
	const op = "zoho.AddTask"
	if !crm.IsKey(contact) {
		return "", noID(op)
	}
	task := map[string]any{"Subject": subject, taskDescription: text.Text(), "Due_Date": due.Format(time.DateOnly), "Priority": "High",
		"Status": "Not Started", "Who_Id": map[string]string{"id": contact}}
	return c.add(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/Tasks", Body: body([]map[string]any{task}, nil)}, text)
}

// Tasked returns the id of the task of a contact whose text holds the mark, "" for none
// (https://www.zoho.com/crm/developer/docs/api/v8/get-related-records.html).
func (c *Client) Tasked(ctx context.Context, contact, mark string) (string, error) {
	return c.marked(ctx, "zoho.Tasked", "/Contacts/", contact, "/Tasks", taskDescription, mark)
}

// parent is the record that a note hangs on.
func parent(contact string) map[string]any {
	return map[string]any{"module": map[string]string{"api_name": "Contacts"}, "id": contact}
}

func noID(op string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Missing, Err: errors.New("not an id of Zoho")}
}

// add makes one write of one item and returns its id.
func (c *Client) add(ctx context.Context, call rest.Call, sent crm.Value) (string, error) {
	var a items
	answer, err := c.write(ctx, call, &a)
	if err != nil {
		return "", err
	}
	if len(a.Data) == 0 {
		return "", &fault.Error{Op: call.Op, Kind: fault.Down, Err: errors.New("an answer without an item")}
	}
	e := a.Data[0]
	if e.Code != "SUCCESS" {
		e.hide([]string{sent.Text()})
		return "", e.fault(call.Op, answer.Status, true)
	}
	if id := string(e.Details.ID); crm.IsKey(id) {
		return id, nil
	}
	return "", &fault.Error{Op: call.Op, Kind: fault.Down, Err: errors.New("an answer without an id")}
}

// maxLists bounds how many pages of 200 are looked through.
const maxLists = 500

// marked looks through what hangs on a record.
func (c *Client) marked(ctx context.Context, op, module, key, list, property, mark string) (string, error) {
	if !crm.IsKey(key) {
		return "", noID(op)
	}
	query := url.Values{"fields": {property}, "per_page": {"200"}}
	for range maxLists {
		var a records
		answer, err := c.read(ctx, rest.Call{Op: op, Path: module + key + list, Query: query}, &a)
		if err == nil {
			err = a.complete(op, answer.Status)
		}
		if err != nil {
			return "", err
		}
		for _, w := range a.Data {
			if strings.Contains(w.text(property), mark) {
				return w.text("id"), nil
			}
		}
		if !a.Info.More {
			return "", nil
		}
		query.Set("page_token", a.Info.Next)
	}
	return "", &fault.Error{Op: op, Kind: fault.Conflict, Code: fault.CauseCrowded, Err: errors.New("more entries than can be looked through")}
}
