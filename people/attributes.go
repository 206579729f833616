package people

// Attributes that have a meaning of their own. Any other name may be used as well, and
// policies see all of them; docs/people.md says what each means.
const (
	AttributeManager        = "manager"    // name of a principal
	AttributeVendor         = "vendor"     // the supplier that somebody works for
	AttributeQueues         = "queues"     // queues that somebody works in
	AttributeSupervises     = "supervises" // queues that somebody answers for
	AttributeDepartment     = "department"
	AttributeDivision       = "division"
	AttributeOrganization   = "organization"
	AttributeCostCenter     = "cost_center"
	AttributeEmployeeNumber = "employee_number" //
	AttributeSite           = "site"            // where somebody works
)

// Attributes lists them, for columns of files.
var Attributes = []string{
	AttributeManager, AttributeVendor, AttributeQueues, AttributeSupervises, AttributeDepartment, AttributeDivision,
	AttributeOrganization, AttributeCostCenter, AttributeEmployeeNumber, AttributeSite,
}
