#pragma once
// What ACL asks about: rights, without changing them.

namespace weir::redis {

class Call;

void acl_categories(Call& call);  // ACL CAT
void acl_dry_run(Call& call);     // ACL DRYRUN
void acl_log(Call& call);         // ACL LOG

}  // namespace weir::redis
