package zohotest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Field is one field of a module as /settings/fields describes it.
type Field struct {
	Name      string   // API name: Last_Name
	Label     string   // "" is the name with blanks for underscores
	Type      string   // data_type: text, textarea, email, phone, website, picklist, multiselectpicklist, date, datetime, integer, bigint, double, currency, boolean, lookup, ownerlookup
	Length    int      // the longest text in characters; 0 is the type's own
	Options   []string // values of a picklist
	Mandatory bool
	ReadOnly  bool
	Unique    bool
	External  bool   // an external id of the org; it is unique too
	Lookup    string // the module that a lookup points into
	Decimals  int    // places that a number keeps; 0 is as sent
	Rich      bool   // a textarea with formatted text: reads cut it, but the one that is for it (Zoho docs: Get Rich Text Fields)

	id string
}

// converted is the field that tells a lead which has become a contact.
const converted = "Converted__s"

// HubSpotID is the custom field for the HubSpot id on Contacts and Accounts: text, external, unique (Zoho docs: Insert Records).
const HubSpotID = "HubSpot_Id"

type schema struct {
	name   string
	id     string
	title  string // the system-mandatory field
	fields map[string]*Field
	order  []*Field
}

// module is a schema and its records.
type module struct {
	schema
	unique  []*Field
	records map[string]*record
	list    []*record                    // in the order of creation
	taken   map[string]map[string]string // unique field -> folded value -> id of the living record
}

func newModule(base *schema, more []Field, noHubSpotID bool) *module {
	m := &module{schema: *base, records: map[string]*record{}, taken: map[string]map[string]string{}}
	if len(more) > 0 || noHubSpotID {
		m.fields, m.order = maps.Clone(m.fields), slices.Clone(m.order)
	}
	if noHubSpotID {
		delete(m.fields, HubSpotID)
		m.order = slices.DeleteFunc(m.order, func(f *Field) bool { return f.Name == HubSpotID })
	}
	for _, f := range more {
		m.add(f)
	}
	for _, f := range m.order {
		m.watchUnique(f)
	}
	return m
}

func (m *module) watchUnique(f *Field) {
	if (f.Unique || f.External) && m.taken[f.Name] == nil {
		m.unique = append(m.unique, f)
		m.taken[f.Name] = map[string]string{}
	}
}

func (b *schema) add(f Field) {
	f.complete(b.id, len(b.order))
	if old := b.fields[f.Name]; old != nil {
		b.order[slices.Index(b.order, old)] = &f
	} else {
		b.order = append(b.order, &f)
	}
	b.fields[f.Name] = &f
}

func (f *Field) complete(module string, n int) {
	if f.Label == "" {
		f.Label = strings.ReplaceAll(f.Name, "_", " ")
	}
	if f.Length == 0 && f.Rich {
		f.Length = 50000 // Zoho docs: Get Rich Text Fields
	}
	if f.Length == 0 {
		f.Length = typeLength[f.Type]
	}
	if f.id == "" {
		f.id = module[:len(module)-4] + strconv.Itoa(1000+n)
	}
}

// typeLength is how long a value of the type may be (Zoho docs: Fields Metadata).
var typeLength = map[string]int{"text": 255, "textarea": 32000, "email": 100, "phone": 30, "website": 450, "picklist": 120,
	"multiselectpicklist": 120, "integer": 9, "bigint": 18, "double": 16, "currency": 16, "boolean": 5, "date": 20, "datetime": 120,
	"lookup": 120, "ownerlookup": 120}

var standard = func() map[string]*schema {
	all := map[string]*schema{}
	for i, b := range []*schema{
		{name: "Contacts", title: "Last_Name", order: contactFields()},
		{name: "Accounts", title: "Account_Name", order: accountFields()},
		{name: "Leads", title: "Last_Name", order: leadFields()},
	} {
		b.id = "487687600000" + strconv.Itoa(1+i) + "002175"
		b.fields = map[string]*Field{}
		for n, f := range b.order {
			f.complete(b.id, n)
			b.fields[f.Name] = f
		}
		all[b.name] = b
	}
	return all
}()

// system are the fields that every module has and nobody writes.
func system() []*Field {
	return []*Field{
		{Name: "Owner", Type: "ownerlookup"},
		{Name: "Created_By", Type: "ownerlookup", ReadOnly: true},
		{Name: "Modified_By", Type: "ownerlookup", ReadOnly: true},
		{Name: "Created_Time", Type: "datetime", ReadOnly: true},
		{Name: "Modified_Time", Type: "datetime", ReadOnly: true},
		{Name: "Last_Activity_Time", Type: "datetime", ReadOnly: true},
		{Name: "Record_Status__s", Type: "picklist", Options: []string{"Available", "Draft", "Trash"}, ReadOnly: true},
		{Name: "Locked__s", Type: "boolean", ReadOnly: true},
		{Name: "Description", Type: "textarea"},
	}
}

func texts(length int, names ...string) []*Field {
	return typed("text", length, names...)
}

func typed(kind string, length int, names ...string) []*Field {
	out := make([]*Field, len(names))
	for i, n := range names {
		out[i] = &Field{Name: n, Type: kind, Length: length}
	}
	return out
}

// currencyFields are those of records in an org with several currencies: the ISO code, and its rate to the home currency (Zoho
// docs: Multiple Currencies in Organization; the names are those of the official SDKs, record/field.js).
func currencyFields(codes []string) []Field {
	if codes == nil {
		return nil
	}
	return []Field{{Name: "Currency", Type: "picklist", Options: codes}, {Name: "Exchange_Rate", Type: "double"}}
}

func hubSpotID() *Field {
	return &Field{Name: HubSpotID, Label: "HubSpot Id", Type: "text", Length: 255, Unique: true, External: true}
}

var (
	salutations = []string{"-None-", "Mr.", "Mrs.", "Ms.", "Dr.", "Prof."}
	leadSources = []string{"-None-", "Advertisement", "Cold Call", "Employee Referral", "External Referral", "Online Store", "Partner",
		"Public Relations", "Sales Email Alias", "Seminar Partner", "Internal Seminar", "Trade Show", "Web Download", "Web Research",
		"Chat", "X (Twitter)", "Facebook"}
	industries = []string{"-None-", "ASP (Application Service Provider)", "Data/Telecom OEM", "ERP (Enterprise Resource Planning)",
		"Government/Military", "Large Enterprise", "ManagementISV", "MSP (Management Service Provider)", "Network Equipment Enterprise",
		"Non-management ISV", "Optical Networking", "Service Provider", "Small/Medium Enterprise", "Storage Equipment",
		"Storage Service Provider", "Systems Integrator", "Wireless Industry", "Communications", "Consulting", "Education",
		"Financial Services", "Manufacturing", "Real Estate", "Technology"}
	accountTypes = []string{"-None-", "Analyst", "Competitor", "Customer", "Distributor", "Integrator", "Investor", "Other", "Partner",
		"Press", "Prospect", "Reseller", "Supplier", "Vendor"}
)

// contactFields are the standard fields of Contacts (Zoho docs: Fields Metadata).
func contactFields() []*Field {
	f := system()
	f = append(f, texts(40, "First_Name")...)
	f = append(f, &Field{Name: "Last_Name", Type: "text", Length: 80, Mandatory: true},
		&Field{Name: "Full_Name", Type: "text", Length: 120, ReadOnly: true})
	f = append(f, typed("email", 100, "Email", "Secondary_Email")...)
	f = append(f, typed("phone", 30, "Phone", "Mobile", "Home_Phone", "Other_Phone", "Asst_Phone")...)
	f = append(f, texts(30, "Fax")...)
	f = append(f, &Field{Name: "Account_Name", Type: "lookup", Lookup: "Accounts"}, &Field{Name: "Reporting_To", Type: "lookup", Lookup: "Contacts"})
	f = append(f, texts(100, "Title", "Assistant")...)
	f = append(f, texts(50, "Department", "Skype_ID", "Twitter")...)
	f = append(f, &Field{Name: "Salutation", Type: "picklist", Length: 25, Options: salutations},
		&Field{Name: "Lead_Source", Type: "picklist", Options: leadSources})
	f = append(f, address("Mailing", "Zip")...)
	f = append(f, address("Other", "Zip")...)
	return append(f, &Field{Name: "Date_of_Birth", Type: "date"}, &Field{Name: "Email_Opt_Out", Type: "boolean"}, hubSpotID())
}

// accountFields are the standard fields of Accounts (Zoho docs: Fields Metadata). The zip code is Billing_Code.
func accountFields() []*Field {
	f := append(system(), &Field{Name: "Account_Name", Type: "text", Length: 200, Mandatory: true}, &Field{Name: "Website", Type: "website", Length: 255},
		&Field{Name: "Phone", Type: "phone"}, &Field{Name: "Fax", Type: "text", Length: 30},
		&Field{Name: "Industry", Type: "picklist", Options: industries}, &Field{Name: "Account_Type", Type: "picklist", Options: accountTypes},
		&Field{Name: "Ownership", Type: "picklist", Options: []string{"-None-", "Other", "Private", "Public", "Subsidiary", "Partnership", "Government", "Privately Held", "Public Company"}},
		&Field{Name: "Rating", Type: "picklist", Options: []string{"-None-", "Acquired", "Active", "Market Failed", "Project Cancelled", "Shut Down"}},
		&Field{Name: "Employees", Type: "integer"}, &Field{Name: "SIC_Code", Type: "integer"}, &Field{Name: "Annual_Revenue", Type: "currency"},
		&Field{Name: "Exchange_Rate", Type: "double"}, &Field{Name: "Parent_Account", Type: "lookup", Lookup: "Accounts"})
	f = append(f, address("Billing", "Code")...)
	f = append(f, address("Shipping", "Code")...)
	f = append(f, texts(40, "Account_Number")...)
	f = append(f, texts(80, "Account_Site")...)
	return append(append(f, texts(30, "Ticker_Symbol")...), hubSpotID())
}

// leadFields are the fields of a lead that a conversion carries over, and those that tell that it happened.
func leadFields() []*Field {
	f := append(system(), &Field{Name: "Company", Type: "text", Length: 200})
	f = append(f, texts(40, "First_Name")...)
	f = append(f, &Field{Name: "Last_Name", Type: "text", Length: 80, Mandatory: true}, &Field{Name: "Full_Name", Type: "text", Length: 120, ReadOnly: true})
	f = append(f, typed("email", 100, "Email", "Secondary_Email")...)
	f = append(f, typed("phone", 30, "Phone", "Mobile")...)
	f = append(f, texts(100, "Designation", "City", "State", "Country")...)
	f = append(f, texts(250, "Street")...)
	f = append(f, texts(30, "Zip_Code", "Fax")...)
	return append(f, &Field{Name: "Website", Type: "website", Length: 255}, &Field{Name: "Salutation", Type: "picklist", Options: salutations},
		&Field{Name: "Lead_Source", Type: "picklist", Options: leadSources},
		&Field{Name: "Lead_Status", Type: "picklist", Options: []string{"-None-", "Attempted to Contact", "Contact in Future", "Contacted", "Junk Lead", "Lost Lead", "Not Contacted", "Pre-Qualified", "Not Qualified"}},
		&Field{Name: "Email_Opt_Out", Type: "boolean"}, &Field{Name: converted, Type: "boolean", ReadOnly: true},
		&Field{Name: "Converted_Date_Time", Type: "datetime", ReadOnly: true},
		&Field{Name: "Converted_Contact", Type: "lookup", Lookup: "Contacts", ReadOnly: true},
		&Field{Name: "Converted_Account", Type: "lookup", Lookup: "Accounts", ReadOnly: true})
}

func address(prefix, zip string) []*Field {
	return append(append(texts(250, prefix+"_Street"), texts(100, prefix+"_City", prefix+"_State", prefix+"_Country")...), texts(30, prefix+"_"+zip)...)
}
