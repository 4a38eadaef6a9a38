package zohotest

import (
	"fmt"
	"maps"
	"time"

	"crm-connector/pkg/core/crm"
)

// What a user of the CRM does by hand. Values are raw text as the suite's adapters write it: true/false, decimals, dates,
// members of a multi-select joined by ";", an owner by e-mail address, a company by its id; "" clears. The rules of the
// API hold here too, and rules of automation run.

func (s *Server) moduleOf(m crm.Module) (*module, error) {
	if x := s.modules[moduleNames[m]]; x != nil {
		return x, nil
	}
	return nil, errModule
}

func (s *Server) living(m crm.Module, id string) (*record, error) {
	x, err := s.moduleOf(m)
	if err != nil {
		return nil, err
	}
	if r := x.records[id]; r != nil && r.alive() {
		return r, nil
	}
	return nil, errGone
}

// typed turns raw text into what a person's form sends. Unknown names are left to the check.
func (s *Server) typed(m *module, props map[string]string) map[string]any {
	item := make(map[string]any, len(props))
	for name, text := range props {
		item[name] = text
		if f := m.fields[name]; f != nil {
			item[name] = s.fromText(f, text)
		}
	}
	return item
}

func asError(r *refusal) error {
	return fmt.Errorf("zohotest: %s %v", r.code, r.details["api_name"])
}

// Create makes a record and returns its id.
func (s *Server) Create(module crm.Module, props map[string]string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.moduleOf(module)
	if err != nil {
		return "", err
	}
	values, _, refused := s.checked(m, nil, s.typed(m, props), "$")
	if refused != nil {
		return "", asError(refused)
	}
	changed := sortedKeys(values)
	r := s.insert(m, values, s.person())
	s.tell()
	s.automate(r, changed, s.person())
	return r.id, nil
}

// Edit changes a record.
func (s *Server) Edit(module crm.Module, id string, props map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.living(module, id)
	if err != nil {
		return err
	}
	if r.block != "" || r.merging.After(s.now()) {
		return fmt.Errorf("zohotest: the record is locked")
	}
	values, changed, refused := s.checked(r.module, r, s.typed(r.module, props), "$")
	if refused != nil {
		return asError(refused)
	}
	s.update(r, values, changed, s.person())
	s.tell()
	s.automate(r, changed, s.person())
	return nil
}

// SetCompany puts a contact into a company; "" takes it out.
func (s *Server) SetCompany(contact, company string) error {
	return s.Edit(crm.Contacts, contact, map[string]string{"Account_Name": company})
}

// Delete puts a record into the recycle bin.
func (s *Server) Delete(module crm.Module, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.living(module, id)
	if err != nil {
		return err
	}
	s.remove(r, s.person(), grave{})
	s.tell()
	return nil
}

// Restore takes a record back out of the recycle bin. It fails when a unique value of it was taken meanwhile.
func (s *Server) Restore(module crm.Module, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.moduleOf(module)
	if err != nil {
		return err
	}
	r := m.records[id]
	if r == nil || r.alive() || r.gone.permanent {
		return errGone
	}
	if refused := s.collides(m, r, r.last().values, "$"); refused != nil {
		return asError(refused)
	}
	s.restore(r, s.person())
	s.tell()
	return nil
}

// Merge joins up to two other records into the primary one, which is the survivor.
func (s *Server) Merge(module crm.Module, primary string, others ...string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	master, err := s.living(module, primary)
	if err != nil {
		return "", err
	}
	if len(others) == 0 || len(others) > mostChildren {
		return "", fmt.Errorf("zohotest: a merge has one or two children")
	}
	children := make([]*record, len(others))
	for i, id := range others {
		if children[i], err = s.living(module, id); err != nil || id == primary || i > 0 && id == others[0] {
			return "", errGone
		}
	}
	s.merge(master, children, nil, s.person())
	s.tell()
	return primary, nil
}

// ConvertLead turns a lead into a contact, and into an account when the lead names a company: ordinary insertions
// (Zoho docs: Deleted and Merge Records). The lead stays, converted.
func (s *Server) ConvertLead(id string) (contact, account string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lead, err := s.living(crm.Leads, id)
	if err != nil {
		return "", "", err
	}
	was := lead.last().values
	if was[converted] == true {
		return "", "", fmt.Errorf("zohotest: the lead is already converted")
	}
	by, person := s.person(), map[string]any{}
	if name, ok := was["Company"].(string); ok {
		a := s.insert(s.modules["Accounts"], map[string]any{"Account_Name": name}, by)
		account = a.id
		person["Account_Name"] = a.id
	}
	for from, to := range leadToContact {
		if v := was[from]; v != nil {
			person[to] = v
		}
	}
	c := s.insert(s.modules["Contacts"], person, by)
	values := maps.Clone(was)
	values[converted], values["Converted_Contact"], values["Converted_Date_Time"] = true, c.id, s.zoned(s.now())
	if account != "" {
		values["Converted_Account"] = account
	}
	s.update(lead, values, []string{converted}, by)
	s.tell()
	return c.id, account, nil
}

// leadToContact is which field of a lead goes where in a conversion.
var leadToContact = map[string]string{"First_Name": "First_Name", "Last_Name": "Last_Name", "Email": "Email", "Secondary_Email": "Secondary_Email",
	"Phone": "Phone", "Mobile": "Mobile", "Fax": "Fax", "Designation": "Title", "Salutation": "Salutation", "Lead_Source": "Lead_Source",
	"Street": "Mailing_Street", "City": "Mailing_City", "State": "Mailing_State", "Zip_Code": "Mailing_Zip", "Country": "Mailing_Country",
	"Description": "Description", "Email_Opt_Out": "Email_Opt_Out", "Owner": "Owner"}

// Block makes every write to a record answer code until it is blocked with "": RECORD_LOCKED, NOT_APPROVED or
// RECORD_IN_BLUEPRINT. It touches nothing else.
func (s *Server) Block(module crm.Module, id, code string) error {
	if _, ok := blocks[code]; !ok && code != "" {
		return fmt.Errorf("zohotest: no such block")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.living(module, id)
	if err != nil {
		return err
	}
	r.block = code
	return nil
}

// Props returns the filled fields of a living record as raw text, with id, and false when there is none. Booleans are
// always filled.
func (s *Server) Props(module crm.Module, id string) (map[string]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.living(module, id)
	if err != nil {
		return nil, false
	}
	v := r.last()
	out := map[string]string{"id": r.id}
	for _, f := range r.module.order {
		if text := s.text(r, v, f, s.now()); text != "" {
			out[f.Name] = text
		}
	}
	return out, true
}

// Modified returns when a living record was last modified, in whole seconds, and the zero time when there is none.
func (s *Server) Modified(module crm.Module, id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.living(module, id)
	if err != nil {
		return time.Time{}
	}
	return r.last().modified
}

// IDs returns the ids of the living records of a module, oldest first.
func (s *Server) IDs(module crm.Module) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	m, err := s.moduleOf(module)
	if err != nil {
		return nil
	}
	for _, r := range m.list {
		if r.alive() {
			out = append(out, r.id)
		}
	}
	return out
}
