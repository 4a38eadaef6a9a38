package hubspottest

import "strings"

// The definitions of a new account, as far as a connector may map them. Names, types and enumerations are those of a live
// portal's property dump; "Industry" and "Language" have the values that HubSpot ships.
var (
	contactSchema = index(contactProperties())
	companySchema = index(companyProperties())
)

func index(ps []Property) map[string]*Property {
	m := make(map[string]*Property, len(ps))
	for i := range ps {
		m[ps[i].Name] = &ps[i]
	}
	return m
}

func texts(names ...string) (ps []Property) {
	for _, n := range names {
		ps = append(ps, Property{Name: n, Label: n, Type: "string", FieldType: "text"})
	}
	return ps
}

func phones(names ...string) (ps []Property) {
	for _, n := range names {
		ps = append(ps, Property{Name: n, Label: n, Type: "string", FieldType: "phonenumber"})
	}
	return ps
}

func numbers(names ...string) (ps []Property) {
	for _, n := range names {
		ps = append(ps, Property{Name: n, Label: n, Type: "number", FieldType: "number"})
	}
	return ps
}

func instants(names ...string) (ps []Property) {
	for _, n := range names {
		ps = append(ps, Property{Name: n, Label: n, Type: "datetime", FieldType: "date"})
	}
	return ps
}

func readOnly(ps []Property) []Property {
	for i := range ps {
		ps[i].ReadOnly = true
	}
	return ps
}

func choice(name, values string) Property {
	p := Property{Name: name, Label: name, Type: "enumeration", FieldType: "select"}
	for v := range strings.FieldsSeq(values) {
		p.Options = append(p.Options, Option{Label: v, Value: v})
	}
	return p
}

func flag(name string) Property {
	p := choice(name, "true false")
	p.FieldType = "booleancheckbox"
	return p
}

func owner() Property {
	return Property{Name: "hubspot_owner_id", Label: "Owner", Type: "enumeration", FieldType: "select", owner: true}
}

func concat(parts ...[]Property) (all []Property) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// stages is ordered: a stage only moves on. HubSpot docs: Contacts, "lifecyclestage".
const (
	stages   = "subscriber lead marketingqualifiedlead salesqualifiedlead opportunity customer evangelist other"
	statuses = "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING"
)

func contactProperties() []Property {
	return concat(
		texts("email", "firstname", "lastname", "salutation", "fax", "company", "jobtitle", "website", "address", "city", "state",
			"zip", "country", "hs_country_region_code", "hs_state_code", "industry", "annualrevenue", "date_of_birth", "gender",
			"message", "twitterhandle", "hs_linkedin_url", "work_email", "job_function", "seniority", "degree", "field_of_study",
			"graduation_date", "school", "marital_status", "military_status", "relationship_status", "start_date",
			"twitterbio", "linkedinbio"),
		phones("phone", "mobilephone", "hs_whatsapp_phone_number"),
		[]Property{
			choice("lifecyclestage", stages), choice("hs_lead_status", statuses), owner(),
			choice("numemployees", "1-5 5-25 25-50 50-100 100-500 500-1000 1000+"),
			choice("hs_language", languages), choice("hs_timezone", zones),
			{Name: "associatedcompanyid", Label: "Primary Associated Company ID", Type: "number", FieldType: "number"},
			{Name: "hs_buying_role", Label: "Buying Role", Type: "enumeration", FieldType: "checkbox",
				Options: choice("", "BLOCKER BUDGET_HOLDER CHAMPION DECISION_MAKER END_USER EXECUTIVE_SPONSOR INFLUENCER LEGAL_AND_COMPLIANCE OTHER").Options},
		},
		readOnly(instants("createdate", "lastmodifieddate", "notes_last_contacted", "notes_last_updated")),
		readOnly(numbers("hs_object_id", "num_associated_deals", "num_unique_conversion_events")),
		readOnly(texts("hs_additional_emails", "hs_merged_object_ids", "hs_email_domain", "hs_calculated_phone_number",
			"hs_object_source", "hs_object_source_id")),
		readOnly([]Property{flag(optOut)}),
	)
}

func companyProperties() []Property {
	return concat(
		texts("name", "domain", "website", "address", "address2", "city", "state", "zip", "country", "hs_country_code", "hs_state_code",
			"description", "about_us", "linkedin_company_page", "twitterhandle", "facebook_company_page", "hs_logo_url",
			"founded_year", "timezone"),
		phones("phone"),
		numbers("numberofemployees", "annualrevenue"),
		[]Property{
			choice("industry", industries), choice("type", "PROSPECT PARTNER RESELLER VENDOR OTHER"),
			choice("lifecyclestage", stages), choice("hs_lead_status", statuses), owner(), flag("is_public"),
		},
		readOnly(instants("createdate", "hs_lastmodifieddate", "notes_last_contacted", "notes_last_updated")),
		readOnly(numbers("hs_object_id", "num_associated_contacts", "num_associated_deals")),
		readOnly(texts("hs_additional_domains", "hs_merged_object_ids", "hs_object_source", "hs_object_source_id")),
	)
}

const languages = "af sq ar ar-eg ar-sa hy az eu be bn bs bg my ca zh zh-cn zh-hk zh-tw hr cs da nl nl-be nl-nl en en-au en-ca en-gb en-ie en-in " +
	"en-nz en-us en-za et fo fi fr fr-be fr-ca fr-ch fr-fr gl ka de de-at de-ch de-de el gu he hi hu is id ga it it-ch it-it ja kn kk ko lv lt " +
	"lb mk ms mt mr mn no fa pl pt pt-br pt-pt pa ro ro-ro ru sr sk sl es es-ar es-cl es-co es-es es-mx es-pe es-us sw sv sv-fi sv-se ta te th " +
	"tr uk ur uz vi cy"

const zones = "europe_slash_rome europe_slash_london europe_slash_paris europe_slash_berlin europe_slash_madrid europe_slash_zurich " +
	"us_slash_eastern us_slash_central us_slash_mountain us_slash_pacific utc"

const industries = "ACCOUNTING AIRLINES_AVIATION ALTERNATIVE_DISPUTE_RESOLUTION ALTERNATIVE_MEDICINE ANIMATION APPAREL_FASHION " +
	"ARCHITECTURE_PLANNING ARTS_AND_CRAFTS AUTOMOTIVE AVIATION_AEROSPACE BANKING BIOTECHNOLOGY BROADCAST_MEDIA BUILDING_MATERIALS " +
	"BUSINESS_SUPPLIES_AND_EQUIPMENT CAPITAL_MARKETS CHEMICALS CIVIC_SOCIAL_ORGANIZATION CIVIL_ENGINEERING COMMERCIAL_REAL_ESTATE " +
	"COMPUTER_NETWORK_SECURITY COMPUTER_GAMES COMPUTER_HARDWARE COMPUTER_NETWORKING COMPUTER_SOFTWARE INTERNET CONSTRUCTION " +
	"CONSUMER_ELECTRONICS CONSUMER_GOODS CONSUMER_SERVICES COSMETICS DAIRY DEFENSE_SPACE DESIGN EDUCATION_MANAGEMENT E_LEARNING " +
	"ELECTRICAL_ELECTRONIC_MANUFACTURING ENTERTAINMENT ENVIRONMENTAL_SERVICES EVENTS_SERVICES EXECUTIVE_OFFICE FACILITIES_SERVICES " +
	"FARMING FINANCIAL_SERVICES FINE_ART FISHERY FOOD_BEVERAGES FOOD_PRODUCTION FUND_RAISING FURNITURE GAMBLING_CASINOS " +
	"GLASS_CERAMICS_CONCRETE GOVERNMENT_ADMINISTRATION GOVERNMENT_RELATIONS GRAPHIC_DESIGN HEALTH_WELLNESS_AND_FITNESS " +
	"HIGHER_EDUCATION HOSPITAL_HEALTH_CARE HOSPITALITY HUMAN_RESOURCES IMPORT_AND_EXPORT INDIVIDUAL_FAMILY_SERVICES " +
	"INDUSTRIAL_AUTOMATION INFORMATION_SERVICES INFORMATION_TECHNOLOGY_AND_SERVICES INSURANCE INTERNATIONAL_AFFAIRS " +
	"INTERNATIONAL_TRADE_AND_DEVELOPMENT INVESTMENT_BANKING INVESTMENT_MANAGEMENT JUDICIARY LAW_ENFORCEMENT LAW_PRACTICE " +
	"LEGAL_SERVICES LEGISLATIVE_OFFICE LEISURE_TRAVEL_TOURISM LIBRARIES LOGISTICS_AND_SUPPLY_CHAIN LUXURY_GOODS_JEWELRY MACHINERY " +
	"MANAGEMENT_CONSULTING MARITIME MARKET_RESEARCH MARKETING_AND_ADVERTISING MECHANICAL_OR_INDUSTRIAL_ENGINEERING MEDIA_PRODUCTION " +
	"MEDICAL_DEVICES MEDICAL_PRACTICE MENTAL_HEALTH_CARE MILITARY MINING_METALS MOTION_PICTURES_AND_FILM MUSEUMS_AND_INSTITUTIONS " +
	"MUSIC NANOTECHNOLOGY NEWSPAPERS NON_PROFIT_ORGANIZATION_MANAGEMENT OIL_ENERGY ONLINE_MEDIA OUTSOURCING_OFFSHORING " +
	"PACKAGE_FREIGHT_DELIVERY PACKAGING_AND_CONTAINERS PAPER_FOREST_PRODUCTS PERFORMING_ARTS PHARMACEUTICALS PHILANTHROPY PHOTOGRAPHY " +
	"PLASTICS POLITICAL_ORGANIZATION PRIMARY_SECONDARY_EDUCATION PRINTING PROFESSIONAL_TRAINING_COACHING PROGRAM_DEVELOPMENT " +
	"PUBLIC_POLICY PUBLIC_RELATIONS_AND_COMMUNICATIONS PUBLIC_SAFETY PUBLISHING RAILROAD_MANUFACTURE RANCHING REAL_ESTATE " +
	"RECREATIONAL_FACILITIES_AND_SERVICES RELIGIOUS_INSTITUTIONS RENEWABLES_ENVIRONMENT RESEARCH RESTAURANTS RETAIL " +
	"SECURITY_AND_INVESTIGATIONS SEMICONDUCTORS SHIPBUILDING SPORTING_GOODS SPORTS STAFFING_AND_RECRUITING SUPERMARKETS " +
	"TELECOMMUNICATIONS TEXTILES THINK_TANKS TOBACCO TRANSLATION_AND_LOCALIZATION TRANSPORTATION_TRUCKING_RAILROAD UTILITIES " +
	"VENTURE_CAPITAL_PRIVATE_EQUITY VETERINARY WAREHOUSING WHOLESALE WINE_AND_SPIRITS WIRELESS WRITING_AND_EDITING"
