# Precompiled headers: they halve the time of a first build, since most of it goes into parsing. Not with ccache, whose
# key would hold the header's bytes and so the paths of this clone: every work tree would compile for itself.
option(WEIR_PRECOMPILED "Precompile common headers" OFF)
if(WEIR_PRECOMPILED)
  foreach(name base broker)
    add_library(weir_precompiled_${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/precompiled/empty.cc)
    target_link_libraries(weir_precompiled_${name} PRIVATE weir_options fmt::fmt weir_asio)
    target_precompile_headers(weir_precompiled_${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled/${name}.h)
  endforeach()
endif()

# weir_precompile(TARGET PATH): the target, whose sources lie in PATH below src or tests/unit, is built with them.
function(weir_precompile target path)
  if(NOT WEIR_PRECOMPILED)
    return()
  endif()
  set(header base)
  if(path MATCHES "^(broker|protocols|admin|server)")
    set(header broker)
  endif()
  target_precompile_headers(${target} REUSE_FROM weir_precompiled_${header})
endfunction()
