# find_package(proxyfuse COMPONENTS engine sampler sampler_cuda) after `cmake --install`;
# `--component` picks one part, with headers, library and what CMake finds it by.
include(CMakePackageConfigHelpers)

configure_package_config_file(cmake/proxyfuseConfig.cmake.in proxyfuseConfig.cmake
                              INSTALL_DESTINATION ${PROXYFUSE_CMAKE_DIR})
write_basic_package_version_file(proxyfuseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
foreach(part IN ITEMS engine sampler sampler_cuda)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/proxyfuseConfig.cmake
                ${CMAKE_CURRENT_BINARY_DIR}/proxyfuseConfigVersion.cmake
          DESTINATION ${PROXYFUSE_CMAKE_DIR} COMPONENT ${part})
endforeach()
